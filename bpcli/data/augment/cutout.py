from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveInt

from bpcli.data.augment._fields import Amount, pixels
from bpcli.data.augment.base import Array, ImageAugment
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.core.rng import Draws


class Cutout(ImageAugment):
    """y = `fill` within squares of `size` whose centres are drawn evenly over the pixels, x elsewhere.

    A square near the border is cut off by it, as in the source, so that all pixels are hidden about equally
    often. A fill of 0 is the mean of standardized images.
    Source: DeVries and Taylor, 2017 (size 16 of 32 for CIFAR-10).
    """

    type: Literal["cutout"] = "cutout"
    size: Amount = Field(default=0.5, description="pixels, or a share of the shorter side")
    count: PositiveInt = Field(default=1, description="squares in each image")
    fill: float = Field(default=0.0, description="a number as the net sees it")

    examples: ClassVar = (
        Example({}, (6, 6, 1)),
        Example({"size": 3, "count": 2, "fill": -1.0, "p": 0.5}, (5, 8, 3)),
    )

    def images(self, x: Array, draws: Draws) -> Array:
        _, h, w, _ = x.shape
        size = pixels(self.size, min(h, w))
        made = x.copy()
        for _ in range(self.count):
            top, left = (draws.integers(0, side) - size // 2 for side in (h, w))
            rows, columns = (
                (at >= start[:, None]) & (at < start[:, None] + size)
                for at, start in ((np.arange(h), top), (np.arange(w), left))
            )
            made[rows[:, :, None] & columns[:, None, :]] = self.fill
        return made
