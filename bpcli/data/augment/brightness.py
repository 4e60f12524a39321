from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from bpcli.data.augment._fields import Range, drawn
from bpcli.data.augment.base import Array, ImageAugment
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.core.rng import Draws


class Brightness(ImageAugment):
    """y = x + b, with one b for each image, drawn evenly from the range; a number m stands for [-m, m].

    b is in the units of the prepared input, and nothing is cut off: after min_max 0.2 is a fifth of black
    to white, after standardize a fifth of the deviation.
    """

    type: Literal["brightness"] = "brightness"
    by: Range = Field(default=0.2, description="b")

    examples: ClassVar = (Example({}, (4, 5, 1)), Example({"by": [0, 1.5], "p": 0.5}, (3, 3, 3)))

    def images(self, x: Array, draws: Draws) -> Array:
        return x + drawn(self.by, draws).astype(x.dtype)[:, None, None, None]
