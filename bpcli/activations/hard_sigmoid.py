from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example


class HardSigmoid(Activation):
    """y = x/6 + ½, cut off at 0 and 1: a sigmoid without an exponential.

    Backward: dx = dy/6 where 0 < y < 1, else 0; at the kinks x = ±3 it is 0.
    The slope is PyTorch's and that of Keras 3; Keras 2 has x/5 + ½.
    Source: Courbariaux, Bengio and David, 2015.
    """

    type: Literal["hard_sigmoid"] = "hard_sigmoid"

    smooth: ClassVar[bool] = False
    gives_probabilities: ClassVar[bool] = True
    aliases: ClassVar = ("hardsigmoid",)
    examples: ClassVar = (Example({}, (5,)), Example({}, (2, 3)))

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        xp.multiply(x, 1 / 6, out=out)
        out += 0.5
        xp.maximum(out, 0, out=out)
        return xp.minimum(out, 1, out=out)

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        xp.multiply(dy, (y.real > 0) & (y.real < 1), out=out)
        out *= 1 / 6
        return out
