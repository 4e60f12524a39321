from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from bpcli.data.augment._fields import Range, drawn
from bpcli.data.augment._warp import Warp, linear
from bpcli.data.augment.base import Array
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.core.rng import Draws


class Rotate(Warp):
    """y(R(θ) p) = x(p) about the centre, counter-clockwise by θ degrees, drawn evenly from the range.

    A number m stands for [-m, m]. Between pixels the value is bilinear.
    """

    type: Literal["rotate"] = "rotate"
    degrees: Range = 15.0

    examples: ClassVar = (
        Example({}, (6, 6, 1)),
        Example({"degrees": [0, 90], "fill": "reflect"}, (5, 7, 3)),
        Example({"degrees": 180, "fill": -1.0, "p": 0.7}, (4, 4, 1)),
    )

    def source(self, y: Array, x: Array, draws: Draws, size: tuple[int, int]) -> tuple[Array, Array]:
        theta = drawn(self.degrees, draws) * (pi / 180)
        none = np.zeros(len(draws))
        return linear(y, x, size, theta, none + 1, none, none, none)
