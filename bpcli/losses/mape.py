from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.losses._columns import difference, refuse, row_mean
from bpcli.losses.base import Loss, column_means
from bpcli.spec.base import Example


class Mape(Loss):
    """l = 1/d Σⱼ |yⱼ - tⱼ| / |tⱼ|, the error as a share of the true value: 0.1 stands for 10 %.

    Backward: dl/dy = sign(y - t) / (|t| d), and 0 at the kink y = t.
    Shapes: y and the target's values (n, d). No training target may be 0 (one of another part counts as the
    machine's ε, as in scikit-learn), and under a `target_transform` the shares are of what it gives. Keras
    multiplies by 100.
    """

    type: Literal["mape"] = "mape"

    smooth: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("values",)
    gives_probabilities: ClassVar[bool] = False
    aliases: ClassVar = ("mean_absolute_percentage_error",)
    examples: ClassVar = (Example({}, (3,)), Example({}, (1,)))

    def units(self, target: Target) -> int:
        return target.width

    def check(self, y: Any, target: Target) -> None:
        refuse(self.type, target, y == 0, "zero", "use mae, or msle")

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        xp = ctx.xp
        e = difference(y, t, ctx)
        dy = ctx.buf("dy", y.shape, y.dtype)
        dy[...] = xp.sign(real(e))
        dy /= xp.maximum(xp.abs(real(t)), float(np.finfo(y.dtype).eps))
        e *= dy  # |e| / |t|
        losses = row_mean(e)
        dy *= len(dy) / dy.size
        return losses, dy

    def baseline(self, target: Target) -> list[float]:
        return column_means(target)
