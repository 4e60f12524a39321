from __future__ import annotations

from math import pi, sqrt
from typing import Any, ClassVar, Literal

from pydantic import Field

from bpcli.activations.base import Activation
from bpcli.core.cplx import erf
from bpcli.core.ctx import Ctx
from bpcli.core.rows import PASS
from bpcli.spec.base import Example

#: Passes over the numbers that it takes, about.
_PASSES = 10
_CUBIC = 0.044715  # of the tanh form, as the paper gives it


class Gelu(Activation):
    """y = x Φ(x), where Φ is the normal distribution function, ½ (1 + erf(x/√2)).

    Backward: dx = dy (Φ(x) + x φ(x)), where φ is the normal density exp(-x²/2) / √(2π).
    With `approximate`: y = ½x (1 + t), t = tanh(√(2/π) (x + 0.044715 x³)), and the derivative of that.
    Source: Hendrycks and Gimpel, 2016.
    """

    type: Literal["gelu"] = "gelu"
    approximate: bool = Field(default=False, description="the tanh form: faster, off by up to 5e-4")

    needs_x: ClassVar[bool] = True
    examples: ClassVar = (Example({}, (5,)), Example({"approximate": True}, (2, 3)))

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        xp, every = ctx.xp, ctx.buf("phi", x.shape, x.dtype)  # backward reads it again

        def block(rows: slice) -> None:
            some, phi = x[rows], every[rows]
            if self.approximate:
                xp.multiply(some, some, out=phi)
                phi *= _CUBIC
                phi += 1.0
                phi *= some
                phi *= sqrt(2.0 / pi)
                xp.tanh(phi, out=phi)
            else:
                phi[...] = erf(some * sqrt(0.5), xp)
            phi += 1.0
            phi *= 0.5
            xp.multiply(some, phi, out=out[rows])

        ctx.rows(len(x), _PASSES * PASS * x.size, block)
        return out

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        xp, phis = ctx.xp, ctx.buf("phi", x.shape, x.dtype)
        slopes = ctx.buf("slope", x.shape, x.dtype)

        def block(rows: slice) -> None:
            some, phi, slope, dx = x[rows], phis[rows], slopes[rows], out[rows]
            xp.multiply(some, some, out=dx)
            if self.approximate:  # Φ' = 2 Φ (1 - Φ) √(2/π) (1 + 3·0.044715 x²)
                xp.subtract(1.0, phi, out=slope)
                slope *= phi
                dx *= 3.0 * _CUBIC
                dx += 1.0
                dx *= 2.0 * sqrt(2.0 / pi)
                slope *= dx
            else:
                xp.multiply(dx, -0.5, out=slope)
                xp.exp(slope, out=slope)
                slope *= 1.0 / sqrt(2.0 * pi)
            slope *= some
            slope += phi
            xp.multiply(dy[rows], slope, out=dx)

        ctx.rows(len(x), _PASSES * PASS * x.size, block)
        return out
