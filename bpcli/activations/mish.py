from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example

_FLAT = 20.0  # beyond it tanh(softplus(x)) is 1 to the last bit of a float64


class Mish(Activation):
    """y = x ω, with ω = tanh(log(1 + eˣ)).

    Backward: dx = dy (ω + x dω/dx), dω/dx = 4 e (e + 1) / (n + 2)², where e = eˣ and n = e (e + 2).
    One exponential is enough: ω = n / (n + 2). x counts as at most 20 in it, where ω is 1 already.
    Source: Misra, 2019.
    """

    type: Literal["mish"] = "mish"

    needs_x: ClassVar[bool] = True
    examples: ClassVar = (Example({}, (5,)), Example({}, (2, 3)))

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        e = xp.minimum(x, _FLAT, out=ctx.buf("e", x.shape, x.dtype))
        xp.exp(e, out=e)
        gate = xp.add(e, 2, out=ctx.buf("gate", x.shape, x.dtype))
        gate *= e
        below = xp.add(gate, 2, out=ctx.buf("below", x.shape, x.dtype))  # n + 2: backward reads all three
        gate /= below
        return xp.multiply(x, gate, out=out)

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        e, gate, below = (ctx.buf(name, x.shape, x.dtype) for name in ("e", "gate", "below"))
        slope = ctx.buf("slope", x.shape, x.dtype)
        xp.add(e, 1, out=slope)
        slope *= e
        slope /= below
        slope /= below
        slope *= 4
        xp.minimum(x, _FLAT, out=out)
        slope *= out
        slope += gate
        return xp.multiply(dy, slope, out=out)
