from __future__ import annotations

from math import log
from typing import Any, ClassVar, Literal

from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.losses._columns import exponential, refuse, row_mean
from bpcli.losses.base import Loss, column_means
from bpcli.spec.base import Example


class Poisson(Loss):
    """l = 1/d Σⱼ (exp(yⱼ) - tⱼ yⱼ): the negative log-likelihood of counts t, up to what t alone decides.

    Backward: dl/dy = (exp(y) - t) / d.
    Shapes: y (n, d), the logarithms of the expected counts; t (n, d), none negative. The prediction is the
    expected count, exp(y). Beyond y = 50 the exponential goes on along its tangent. PyTorch's
    poisson_nll_loss is the same by default; Keras takes the count itself for y.
    Source: Nelder and Wedderburn, 1972.
    """

    type: Literal["poisson"] = "poisson"

    targets: ClassVar[tuple[str, ...]] = ("values",)
    gives_probabilities: ClassVar[bool] = False
    aliases: ClassVar = ("poisson_nll",)
    examples: ClassVar = (Example({}, (3,)), Example({}, (1,)))

    def units(self, target: Target) -> int:
        return target.width

    def check(self, y: Any, target: Target) -> None:
        refuse(self.type, target, y < 0, "negative", "check the column, or remove data.target_transform")

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        value, slope = exponential(y, ctx.xp)
        losses = row_mean(value - t * y)
        dy = ctx.xp.subtract(slope, t, out=ctx.buf("dy", y.shape, y.dtype))
        dy *= len(dy) / dy.size
        return losses, dy

    def predict(self, y: Any, xp: Any) -> Any:
        return exponential(y, xp)[0]

    def baseline(self, target: Target) -> list[float]:
        return [log(max(mean, 1e-12)) for mean in column_means(target)]
