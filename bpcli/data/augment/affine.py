from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from bpcli.data.augment._fields import Factor, Range, drawn
from bpcli.data.augment._warp import Warp, linear
from bpcli.data.augment.base import Array
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.core.rng import Draws


class Affine(Warp):
    """y(A p + t) = x(p) about the centre, with A = s · R(θ) · [1 tan φ; 0 1]: turned, scaled, sheared, moved.

    `degrees` θ turns counter-clockwise, `scale` s above 1 enlarges, `shear` φ (degrees) moves what is lower
    further to the right, `shift` t is in shares of height and of width. Each is drawn evenly from its range
    for each image; a number m stands for [-m, m].
    Neighbouring rotate, scale, affine and a last elastic with the same `fill` are read as one.
    Source: as in torchvision's RandomAffine, whose angle turns the other way.
    """

    type: Literal["affine"] = "affine"
    degrees: Range = 10.0
    scale: Factor = (0.9, 1.1)
    shear: Range = 0.0
    shift: Range = 0.1

    examples: ClassVar = (
        Example({}, (7, 6, 1)),
        Example({"degrees": 30, "scale": [0.5, 2.0], "shear": [-5, 20], "fill": 0.0, "p": 0.5}, (5, 8, 3)),
    )

    def source(self, y: Array, x: Array, draws: Draws, size: tuple[int, int]) -> tuple[Array, Array]:
        theta, phi = (drawn(span, draws) * (pi / 180) for span in (self.degrees, self.shear))
        s = drawn(self.scale, draws)
        down, right = (drawn(self.shift, draws) * side for side in size)
        return linear(y, x, size, theta, s, np.tan(phi), down, right)
