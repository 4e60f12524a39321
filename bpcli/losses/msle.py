from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.losses._columns import refuse, row_mean
from bpcli.losses.base import Loss, column_means
from bpcli.spec.base import Example


class Msle(Loss):
    """l = 1/d Σⱼ (log(1 + yⱼ) - log(1 + tⱼ))², the squared error of logarithms: ratios count, not sizes.

    Backward: dl/dy = 2 (log(1 + y) - log(1 + t)) / ((1 + y) d).
    Shapes: y and the target's values (n, d), none of which may be negative. Outputs can be: below y = 0 the
    logarithm goes on along its tangent, as y itself; Keras cuts y off at 0, where the gradient
    would vanish.
    """

    type: Literal["msle"] = "msle"

    targets: ClassVar[tuple[str, ...]] = ("values",)
    gives_probabilities: ClassVar[bool] = False
    aliases: ClassVar = ("mean_squared_logarithmic_error", "mean_squared_log_error")
    examples: ClassVar = (Example({}, (3,)), Example({}, (1,)))

    def units(self, target: Target) -> int:
        return target.width

    def check(self, y: Any, target: Target) -> None:
        refuse(self.type, target, y < 0, "negative", "use mse, or remove data.target_transform")

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        xp = ctx.xp
        positive = real(y) > 0
        above = xp.where(positive, y, 0).astype(y.dtype, copy=False)
        e = xp.where(positive, xp.log1p(above), y) - xp.log1p(t)
        losses = row_mean(e * e)
        above += 1
        dy = xp.divide(e, above, out=ctx.buf("dy", y.shape, y.dtype))
        dy *= 2 * len(dy) / dy.size
        return losses, dy

    def baseline(self, target: Target) -> list[float]:
        return column_means(target)
