from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example


class Celu(Activation):
    """y = x where x > 0, else α (exp(x/α) - 1): the exponential linear unit without a kink for any α.

    Backward: dx = dy where y > 0, else dy exp(x/α) = dy (y/α + 1). With α = 1 it is `elu`.
    Source: Barron, 2017.
    """

    type: Literal["celu"] = "celu"
    alpha: PositiveFloat = Field(default=1.0, description="-α is the value far below zero")

    examples: ClassVar = (Example({}, (5,)), Example({"alpha": 0.5}, (2, 3)))

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        low = xp.minimum(x, 0, out=ctx.buf("low", x.shape, x.dtype))
        low *= 1 / self.alpha
        xp.exp(low, out=low)  # not expm1: several times as fast, off by less than one rounding of 1
        low -= 1
        low *= self.alpha
        xp.maximum(x, 0, out=out)
        out += low
        return out

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        xp.minimum(y, 0, out=out)
        out *= 1 / self.alpha
        out += 1
        return xp.multiply(dy, out, out=out)
