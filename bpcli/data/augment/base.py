"""An augmentation changes training samples at random, each by its own draw; no other part ever sees it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bpcli.data.records import Batch
from bpcli.errors import ConfigError
from bpcli.spec.base import Component

if TYPE_CHECKING:
    from bpcli.core.rng import Draws
    from bpcli.data.records import Target
    from bpcli.losses.base import Loss

Array = NDArray[Any]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class Around:
    """The training part around a batch: how many rows and classes it has, and its other rows.

    `others(rows)` gives these rows as the batch's own are: through all augmentations so far.
    """

    count: int
    classes: int
    others: Callable[[Array], Batch]


class Augment(Component):
    """x (n, ...) as preprocessing left it, with y and weight -> the same shape and dtype, changed at random.

    What happens to a sample is a function of seed, epoch and its row in the training part: the same in any
    batch, in any order, and after a resume. Nothing is written into the batch that is given.
    """

    p: Share = Field(default=1.0, description="the share of the samples that are changed")

    @abstractmethod
    def check(self, shape: tuple[int, ...], target: Target, loss: Loss) -> None:
        """ConfigError where inputs of this shape, or this target or loss, cannot be augmented so."""

    @abstractmethod
    def batch(self, batch: Batch, draws: Draws, around: Around) -> Batch:
        """The batch with its share p of samples changed."""


class ImageAugment(Augment):
    """x (n, h, w, c) -> the same shape and dtype: each image by itself, targets and weights as they were."""

    def check(self, shape: tuple[int, ...], target: Target, loss: Loss) -> None:
        if len(shape) != 3:
            raise ConfigError(
                f"{self.type} changes images, and the input is {' × '.join(map(str, shape))} numbers",
                hint="images are (h, w, channels), as the sources image_folder, idx and npz read them",
            )

    def batch(self, batch: Batch, draws: Draws, around: Around) -> Batch:
        if self.p == 1:
            return replace(batch, x=self.images(batch.x, draws))
        chosen = np.flatnonzero(draws.uniform() < self.p)
        if not len(chosen):
            return batch
        x = batch.x.copy()
        x[chosen] = self.images(batch.x[chosen], draws.of(chosen))
        return replace(batch, x=x)

    @abstractmethod
    def images(self, x: Array, draws: Draws) -> Array:
        """All of x changed, as a new array."""
