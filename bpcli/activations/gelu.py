from __future__ import annotations

from math import pi, sqrt
from typing import Any, ClassVar, Literal

from pydantic import Field

from bpcli.activations.base import Activation
from bpcli.core.cplx import erf
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example

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
        phi = ctx.buf("phi", x.shape, x.dtype)  # backward reads it again
        if self.approximate:
            ctx.xp.multiply(x, x, out=phi)
            phi *= _CUBIC
            phi += 1.0
            phi *= x
            phi *= sqrt(2.0 / pi)
            ctx.xp.tanh(phi, out=phi)
        else:
            phi[...] = erf(x * sqrt(0.5), ctx.xp)
        phi += 1.0
        phi *= 0.5
        return ctx.xp.multiply(x, phi, out=out)

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        phi = ctx.buf("phi", x.shape, x.dtype)
        slope = ctx.buf("slope", x.shape, x.dtype)
        ctx.xp.multiply(x, x, out=out)
        if self.approximate:  # Φ' = 2 Φ (1 - Φ) √(2/π) (1 + 3·0.044715 x²)
            ctx.xp.subtract(1.0, phi, out=slope)
            slope *= phi
            out *= 3.0 * _CUBIC
            out += 1.0
            out *= 2.0 * sqrt(2.0 / pi)
            slope *= out
        else:
            ctx.xp.multiply(out, -0.5, out=slope)
            ctx.xp.exp(slope, out=slope)
            slope *= 1.0 / sqrt(2.0 * pi)
        slope *= x
        slope += phi
        return ctx.xp.multiply(dy, slope, out=out)
