from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example


class Relu(Activation):
    """y = max(x, 0), the rectified linear unit.

    Backward: dx = dy where y > 0, else 0; at the kink x = 0 it is 0.
    Source: Nair and Hinton, 2010; Glorot, Bordes and Bengio, 2011.
    """

    type: Literal["relu"] = "relu"
    smooth: ClassVar[bool] = False
    examples: ClassVar = (Example({}, (5,)),)

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        return ctx.xp.maximum(x, 0, out=out)

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        return ctx.xp.multiply(
            dy, ctx.xp.sign(y.real, out=out), out=out
        )  # as numbers: no cast of a truth value
