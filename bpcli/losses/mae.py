from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.losses._columns import difference, row_mean
from bpcli.losses.base import Loss, column_means
from bpcli.spec.base import Example


class Mae(Loss):
    """l = 1/d Σⱼ |yⱼ - tⱼ|, the absolute error, averaged over the d columns.

    Backward: dl/dy = sign(y - t) / d, and 0 at the kink y = t.
    Shapes: y and the target's values (n, d). Outliers pull less than under `mse`: the best constant is the
    median.
    Source: Boscovich, 1757; Laplace, 1793.
    """

    type: Literal["mae"] = "mae"

    smooth: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("values",)
    gives_probabilities: ClassVar[bool] = False
    aliases: ClassVar = ("mean_absolute_error", "l1_loss")
    examples: ClassVar = (Example({}, (3,)),)

    def units(self, target: Target) -> int:
        return target.width

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        e = difference(y, t, ctx)
        dy = ctx.buf("dy", y.shape, y.dtype)
        dy[...] = ctx.xp.sign(real(e))
        e *= dy  # |e|
        losses = row_mean(e)
        dy *= len(dy) / dy.size
        return losses, dy

    def baseline(self, target: Target) -> list[float]:
        return column_means(target)
