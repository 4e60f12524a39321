from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example


class Relu6(Activation):
    """y = min(max(x, 0), 6), a rectifier with a ceiling.

    Backward: dx = dy where 0 < y < 6, else 0; at the kinks it is 0.
    Source: Krizhevsky, 2010; Howard et al., 2017 (MobileNets).
    """

    type: Literal["relu6"] = "relu6"

    smooth: ClassVar[bool] = False
    examples: ClassVar = (Example({}, (5,)), Example({}, (2, 3)))

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        ctx.xp.maximum(x, 0, out=out)
        return ctx.xp.minimum(out, 6, out=out)

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        return ctx.xp.multiply(dy, (y.real > 0) & (y.real < 6), out=out)
