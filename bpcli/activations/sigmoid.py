from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.activations._logistic import logistic
from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example


class Sigmoid(Activation):
    """y = σ(x) = 1 / (1 + e⁻ˣ), between 0 and 1: the logistic function.

    Backward: dx = dy y (1 - y).
    Not wanted in front of binary_cross_entropy or cross_entropy, which take logits.
    Source: Verhulst, 1845; Rumelhart, Hinton and Williams, 1986.
    """

    type: Literal["sigmoid"] = "sigmoid"
    by_rows: ClassVar[bool] = True
    gives_probabilities: ClassVar[bool] = True
    examples: ClassVar = (Example({}, (5,)),)

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        return logistic(x, out, ctx.xp)

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        xp.subtract(1, y, out=out)
        xp.multiply(out, y, out=out)
        return xp.multiply(dy, out, out=out)
