from __future__ import annotations

from math import log
from typing import Any, ClassVar, Literal

from bpcli.core.cplx import absolute, real
from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.losses._columns import difference, row_mean
from bpcli.losses.base import Loss, column_means
from bpcli.spec.base import Example


class LogCosh(Loss):
    """l = 1/d Σⱼ log cosh(yⱼ - tⱼ): about ½e² for small errors e, and |e| - log 2 for large ones.

    Backward: dl/dy = tanh(y - t) / d.
    Shapes: y and the target's values (n, d). Like `huber`, without its jump in curvature.
    Source: Green, 1990.
    """

    type: Literal["log_cosh"] = "log_cosh"

    targets: ClassVar[tuple[str, ...]] = ("values",)
    gives_probabilities: ClassVar[bool] = False
    aliases: ClassVar = ("logcosh",)
    examples: ClassVar = (Example({}, (3,)), Example({}, (1,)))

    def units(self, target: Target) -> int:
        return target.width

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        xp = ctx.xp
        e = difference(y, t, ctx)
        dy = xp.tanh(e, out=ctx.buf("dy", y.shape, y.dtype))
        small = abs(real(e)) < 1  # each form where it has all its digits, and where nothing overflows
        near = -0.5 * xp.log1p(-xp.where(small, dy * dy, 0))
        a = absolute(e, xp)
        losses = row_mean(xp.where(small, near, a + xp.log1p(xp.exp(-2 * a)) - log(2)))
        dy *= len(dy) / dy.size
        return losses, dy

    def baseline(self, target: Target) -> list[float]:
        return column_means(target)
