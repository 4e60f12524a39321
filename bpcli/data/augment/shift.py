from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from bpcli.data.augment._fields import Amount, Fill, padded, pixels, windows
from bpcli.data.augment.base import Array, ImageAugment
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.core.rng import Draws


class Shift(ImageAugment):
    """yᵢⱼ = xᵢ₋ₐ,ⱼ₋ᵦ, by whole pixels: a and b drawn evenly from -m … m, down and to the right.

    m is `vertical` and `horizontal`: a whole number of pixels, or a share of the side below 1. Every pixel
    keeps its value; for parts of a pixel use affine.
    """

    type: Literal["shift"] = "shift"
    vertical: Amount = Field(default=0.1, description="pixels, or a share of the height")
    horizontal: Amount = Field(default=0.1, description="pixels, or a share of the width")
    fill: Fill = Field(
        default="edge",
        description="beyond the border: the nearest pixel, the mirror image, or a number as the net sees it",
    )

    examples: ClassVar = (
        Example({"vertical": 2, "horizontal": 0}, (6, 5, 1)),
        Example({"horizontal": 0.5, "fill": 0.0}, (6, 8, 3)),
        Example({"vertical": 3, "horizontal": 3, "fill": "reflect", "p": 0.5}, (4, 5, 1)),
    )

    def images(self, x: Array, draws: Draws) -> Array:
        _, h, w, _ = x.shape
        a, b = pixels(self.vertical, h), pixels(self.horizontal, w)
        top, left = draws.integers(0, 2 * a + 1), draws.integers(0, 2 * b + 1)
        return windows(padded(x, a, a, b, b, self.fill), top, left, (h, w))
