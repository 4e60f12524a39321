from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.activations.base import Activation
from bpcli.core.cplx import absolute
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example


class Softplus(Activation):
    """y = log(1 + eˣ), a smooth rectifier, computed as max(x, 0) + log(1 + e^-|x|).

    Backward: dx = dy σ(x) = dy (1 - e⁻ʸ).
    Source: Dugas, Bengio, Bélisle, Nadeau and Garcia, 2001.
    """

    type: Literal["softplus"] = "softplus"
    examples: ClassVar = (Example({}, (5,)),)

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        size = absolute(x, xp)
        tail = xp.negative(size, out=ctx.buf("tail", x.shape, x.dtype))
        xp.exp(tail, out=tail)
        xp.log1p(tail, out=tail)
        xp.add(x, size, out=out)  # max(x, 0) = (x + |x|) / 2, on the same branch as |x|
        out *= 0.5
        out += tail
        return out

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        xp.negative(y, out=out)
        xp.expm1(out, out=out)
        xp.negative(out, out=out)
        return xp.multiply(dy, out, out=out)
