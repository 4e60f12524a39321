"""A metric: sums that can be added up batch by batch, and the number made of them."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bpcli.spec.base import Component

if TYPE_CHECKING:
    from bpcli.data.records import Target
    from bpcli.losses.base import Loss
    from bpcli.metrics._prediction import Prediction


#: What is added up over batches: an array, or a few plain numbers.
Sums = NDArray[np.float64] | tuple[float, ...]


class Metric(Component):
    """value = f(Σ over batches of sums(batch)): exact however the rows are cut into batches.

    Every row counts once, whatever its sample weight or class weight: those steer training, and a metric
    reports on the rows as they are. Only `loss` is weighted.
    """

    higher_is_better: ClassVar[bool] = True
    #: The kinds of target that it can be used with.
    targets: ClassVar[tuple[str, ...]] = ()
    #: True for a metric that must see all rows at once (a ranking); it is left out of the training part.
    whole: ClassVar[bool] = False

    def is_table(self) -> bool:
        """Whether the value is more than one number, so that no best can be told by it."""
        return False

    def label(self) -> str:
        """The name under which it is reported: `val.<label>`."""
        return self.type

    def check(self, target: Target, loss: Loss) -> None:
        """Before training: ConfigError where these fields do not fit this target and loss."""

    @abstractmethod
    def sums(self, prediction: Prediction, target: Target) -> Sums:
        """The additive statistics of some rows (float64, fixed shape), or everything for a `whole` metric."""

    @abstractmethod
    def value(self, sums: Any, target: Target) -> Any:
        """The metric: a float, NaN where it is undefined, or nested lists for a table."""
