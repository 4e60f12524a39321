from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from bpcli.data.augment._fields import Factor, drawn
from bpcli.data.augment._warp import Warp, linear
from bpcli.data.augment.base import Array
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.core.rng import Draws


class Scale(Warp):
    """y(s p) = x(p) about the centre: larger for s above 1, smaller below, s drawn evenly from the range.

    Both sides are scaled alike, and the image keeps its size: what grows is cut, what shrinks is filled.
    """

    type: Literal["scale"] = "scale"
    factor: Factor = (0.9, 1.1)

    examples: ClassVar = (
        Example({}, (6, 6, 1)),
        Example({"factor": [0.5, 2.0], "fill": "reflect", "p": 0.5}, (5, 7, 3)),
    )

    def source(self, y: Array, x: Array, draws: Draws, size: tuple[int, int]) -> tuple[Array, Array]:
        s = drawn(self.factor, draws)
        none = np.zeros(len(draws))
        return linear(y, x, size, none, s, none, none, none)
