from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, NonNegativeFloat

from bpcli.data.augment.base import Array, ImageAugment
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.core.rng import Draws


class Noise(ImageAugment):
    """y = x + σ ε, with ε ~ N(0, 1) for each pixel and channel.

    σ is in the units of the prepared input: of standardized images it is a share of their deviation.
    """

    type: Literal["noise"] = "noise"
    std: NonNegativeFloat = Field(default=0.1, description="σ")

    examples: ClassVar = (Example({}, (4, 5, 1)), Example({"std": 2.0, "p": 0.5}, (3, 3, 3)))

    def images(self, x: Array, draws: Draws) -> Array:
        e = draws.normal_field(*x.shape[1:]).astype(x.dtype, copy=False)
        e *= self.std
        e += x
        return e
