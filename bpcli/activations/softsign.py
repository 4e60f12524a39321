from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.activations.base import Activation
from bpcli.core.cplx import absolute
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example


class Softsign(Activation):
    """y = x / (1 + |x|), between -1 and 1; it nears them far more slowly than tanh does.

    Backward: dx = dy / (1 + |x|)².
    Source: Elliott, 1993; Bergstra, Desjardins, Lamblin and Bengio, 2009.
    """

    type: Literal["softsign"] = "softsign"
    examples: ClassVar = (Example({}, (5,)), Example({}, (2, 3)))

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        inverse = xp.add(absolute(x, xp), 1, out=ctx.buf("inverse", x.shape, x.dtype))  # read by backward
        xp.divide(1, inverse, out=inverse)
        return xp.multiply(x, inverse, out=out)

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        inverse = ctx.buf("inverse", y.shape, y.dtype)
        ctx.xp.multiply(dy, inverse, out=out)
        out *= inverse
        return out
