from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example


class Tanh(Activation):
    """y = tanh(x), between -1 and 1.

    Backward: dx = dy (1 - y²).
    Source: LeCun, Bottou, Orr and Müller, 1998 ("Efficient BackProp").
    """

    type: Literal["tanh"] = "tanh"
    by_rows: ClassVar[bool] = True
    examples: ClassVar = (Example({}, (5,)),)

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        return ctx.xp.tanh(x, out=out)

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        xp.multiply(y, y, out=out)
        xp.subtract(1, out, out=out)
        return xp.multiply(dy, out, out=out)
