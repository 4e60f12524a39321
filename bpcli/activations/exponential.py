from __future__ import annotations

from math import exp
from typing import Any, ClassVar, Literal

from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example

_END = 80.0  # e⁸⁰ is 5.5e34; float32 ends at 3.4e38


class Exponential(Activation):
    """y = eˣ, for outputs that must be positive, such as a rate.

    Backward: dx = dy y.
    Above x = 80 it goes on along its tangent there, y = e⁸⁰ (x - 79), so that neither y nor the gradient
    becomes infinite. Keras and PyTorch overflow instead, in float32 at 88.
    """

    type: Literal["exponential"] = "exponential"
    aliases: ClassVar = ("exp",)
    examples: ClassVar = (Example({}, (5,)), Example({}, (2, 3)))

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        beyond = xp.maximum(x, _END, out=ctx.buf("beyond", x.shape, x.dtype))
        beyond -= _END - 1
        xp.minimum(x, _END, out=out)
        xp.exp(out, out=out)
        out *= beyond
        return out

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        return xp.multiply(dy, xp.minimum(y, exp(_END), out=out), out=out)
