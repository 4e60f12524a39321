"""A metric: sums that can be added up batch by batch, and the number made of them."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from bpcli.spec.base import Component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bpcli.data.records import Target
    from bpcli.metrics._prediction import Prediction


class Metric(Component):
    """value = f(Σ over batches of sums(batch)): exact however the rows are cut into batches."""

    higher_is_better: ClassVar[bool] = True
    #: The kinds of target that it can be used with.
    targets: ClassVar[tuple[str, ...]] = ()
    #: True for a metric that must see all rows at once (a ranking); it is left out of the training part.
    whole: ClassVar[bool] = False

    def label(self) -> str:
        """The name under which it is reported: `val.<label>`."""
        return self.type

    @abstractmethod
    def sums(self, prediction: Prediction, target: Target) -> NDArray[np.float64]:
        """The additive statistics of some rows (float64, fixed shape), or everything for a `whole` metric."""

    @abstractmethod
    def value(self, sums: NDArray[np.float64], target: Target) -> Any:
        """The metric: a float, NaN where it is undefined, or nested lists for a table."""
