from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveInt

from bpcli.data.augment._fields import Fill, padded, windows
from bpcli.data.augment.base import Array, ImageAugment
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.core.rng import Draws


class Crop(ImageAugment):
    """y = a part of the padded x, as large as x was, from a place drawn evenly.

    The usual augmentation of small photographs (He et al., 2016: padding 4 with black, then flip).
    """

    type: Literal["crop"] = "crop"
    padding: PositiveInt = Field(default=4, description="pixels added on every side")
    fill: Fill = Field(
        default="edge",
        description="what is added: the nearest pixel, the mirror image, or a number as the net sees it",
    )

    examples: ClassVar = (
        Example({}, (8, 6, 1)),
        Example({"padding": 2, "fill": "reflect"}, (5, 5, 3)),
        Example({"padding": 1, "fill": -0.5, "p": 0.5}, (3, 4, 1)),
    )

    def images(self, x: Array, draws: Draws) -> Array:
        (_, h, w, _), m = x.shape, self.padding
        top, left = (draws.integers(0, 2 * m + 1) for _ in range(2))
        return windows(padded(x, m, m, m, m, self.fill), top, left, (h, w))
