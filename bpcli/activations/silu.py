from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.activations._logistic import logistic
from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example


class Silu(Activation):
    """y = x σ(x), where σ is the sigmoid; also called swish.

    Backward: dx = dy (σ + y (1 - σ)).
    Source: Elfwing, Uchibe and Doya, 2018; Ramachandran, Zoph and Le, 2017.
    """

    type: Literal["silu"] = "silu"
    aliases: ClassVar = ("swish",)
    examples: ClassVar = (Example({}, (5,)),)

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        s = logistic(x, ctx.buf("sigmoid", x.shape, x.dtype), ctx.xp)
        return ctx.xp.multiply(x, s, out=out)

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        s = ctx.buf("sigmoid", y.shape, y.dtype)  # still holds what forward wrote
        xp.subtract(1, s, out=out)
        out *= y
        out += s
        return xp.multiply(dy, out, out=out)
