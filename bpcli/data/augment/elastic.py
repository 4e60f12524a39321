from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat

from bpcli.data.augment._warp import Warp
from bpcli.data.augment.base import Array
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.core.rng import Draws


class Elastic(Warp):
    """y(p) = x(p + d(p)), d = α · Gσ * u, u ~ U(-1, 1) for each pixel and direction: as if drawn on rubber.

    Gσ is a Gaussian of deviation σ in pixels, cut off at 4σ, with nothing beyond the border. Points move by
    about α / 6σ pixels (root mean square); small σ tears strokes apart, large σ moves the whole image.
    Source: Simard, Steinkraus and Platt, 2003 (α = 34, σ = 4 for images of 29 × 29).
    """

    type: Literal["elastic"] = "elastic"
    alpha: NonNegativeFloat = Field(default=34.0, description="strength, in pixels before smoothing")
    sigma: PositiveFloat = Field(default=4.0, description="width of the Gaussian, in pixels")

    anywhere: ClassVar[bool] = False
    examples: ClassVar = (
        Example({}, (8, 6, 1)),
        Example({"alpha": 10.0, "sigma": 1.5, "fill": 0.0, "p": 0.5}, (5, 7, 3)),
    )

    def source(self, y: Array, x: Array, draws: Draws, size: tuple[int, int]) -> tuple[Array, Array]:
        h, w = size
        u = draws.uniform_field(h, 2, w)  # both directions side by side: two products smooth them all
        u *= 2
        u -= 1
        n = len(u)
        u = np.matmul(gaussian(h, self.sigma, self.alpha), u.reshape(n, h, 2 * w))
        d = np.matmul(u.reshape(n, h * 2, w), gaussian(w, self.sigma)).reshape(n, h, 2, w)
        return y + d[:, :, 0], x + d[:, :, 1]


@cache
def gaussian(side: int, sigma: float, factor: float = 1.0) -> Array:
    """The matrix (side, side) that smooths a line of pixels; symmetric, float32."""
    at = np.arange(side)
    reach = int(4 * sigma + 0.5)
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    apart = np.abs(at[:, None] - at)
    bell = np.where(apart <= reach, np.exp(-0.5 * (apart / sigma) ** 2), 0.0)
    return (factor * bell / line.sum()).astype(np.float32)
