from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.activations.base import Activation
from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example


class LogSoftmax(Activation):
    """yᵢ = xᵢ - log Σⱼ exp(xⱼ) along the last axis: the logarithms of probabilities.

    Backward: dx = dy - exp(y) Σⱼ dyⱼ.
    Shapes: (n, ..., k), each row of k by itself. The row's maximum is taken off first, so nothing overflows.
    cross_entropy takes logits, and gives with this one what it gives without.
    Source: Bridle, 1990.
    """

    type: Literal["log_softmax"] = "log_softmax"
    examples: ClassVar = (Example({}, (5,)), Example({}, (2, 3)))

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        row = (*x.shape[:-1], 1)
        xp.subtract(x, real(x).max(axis=-1, keepdims=True), out=out)
        e = xp.exp(out, out=ctx.buf("e", x.shape, x.dtype))
        total = e.sum(axis=-1, keepdims=True, out=ctx.buf("sum", row, x.dtype))
        xp.log(total, out=total)
        out -= total
        return out

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        row = (*y.shape[:-1], 1)
        total = dy.sum(axis=-1, keepdims=True, out=ctx.buf("sum", row, y.dtype))
        xp.exp(y, out=out)
        out *= total
        return xp.subtract(dy, out, out=out)
