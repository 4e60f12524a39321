from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from bpcli.data.augment._fields import Factor, drawn
from bpcli.data.augment.base import Array, ImageAugment
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.core.rng import Draws


class Contrast(ImageAugment):
    """y = f x + (1 - f) m, with m the image's mean over pixels and channels, f drawn evenly from the range.

    Nothing is cut off. Keras takes a mean of each channel, torchvision that of the grey image.
    """

    type: Literal["contrast"] = "contrast"
    factor: Factor = Field(default=(0.8, 1.2), description="f: below 1 flatter, above 1 stronger")

    examples: ClassVar = (Example({}, (4, 5, 1)), Example({"factor": [0.1, 3.0], "p": 0.5}, (3, 3, 3)))

    def images(self, x: Array, draws: Draws) -> Array:
        f = drawn(self.factor, draws).astype(x.dtype)[:, None, None, None]
        m = x.reshape(len(x), -1).mean(axis=1)[:, None, None, None]
        return f * x + (1 - f) * m
