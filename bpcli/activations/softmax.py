from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.activations.base import Activation
from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example


class Softmax(Activation):
    """yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ) along the last axis: probabilities that add up to 1.

    Backward: dx = y (dy - Σⱼ dyⱼ yⱼ).
    Shapes: (n, ..., k), each row of k by itself. The row's maximum is taken off first, so nothing overflows.
    Not wanted in front of cross_entropy, which takes logits.
    Source: Bridle, 1990.
    """

    type: Literal["softmax"] = "softmax"
    gives_probabilities: ClassVar[bool] = True
    examples: ClassVar = (Example({}, (5,)), Example({}, (2, 3)))

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        row = (*x.shape[:-1], 1)
        xp.subtract(x, real(x).max(axis=-1, keepdims=True), out=out)
        xp.exp(out, out=out)
        out /= out.sum(axis=-1, keepdims=True, out=ctx.buf("sum", row, x.dtype))
        return out

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        row = (*y.shape[:-1], 1)
        xp.multiply(dy, y, out=out)
        mean = out.sum(axis=-1, keepdims=True, out=ctx.buf("sum", row, y.dtype))
        xp.subtract(dy, mean, out=out)
        return xp.multiply(out, y, out=out)
