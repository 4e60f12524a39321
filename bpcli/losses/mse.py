from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.losses._columns import difference
from bpcli.losses.base import Loss, column_means
from bpcli.spec.base import Example


class Mse(Loss):
    """l = 1/d Σⱼ (yⱼ - tⱼ)², the squared error, averaged over the d columns.

    Backward: dl/dy = 2 (y - t) / d.
    Shapes: y (n, d); target values or 0/1 columns (n, d), or class indices (n,), which are read as one-hot
    rows: then d is the number of classes, and the largest output is the prediction. The quadratic cost of
    Nielsen's book, ½ Σⱼ (yⱼ - tⱼ)², is d/2 times this one.
    Source: Legendre, 1805; Gauss, 1809.
    """

    type: Literal["mse"] = "mse"

    targets: ClassVar[tuple[str, ...]] = ("values", "classes", "binary_columns")
    gives_probabilities: ClassVar[bool] = False
    aliases: ClassVar = ("mean_squared_error", "quadratic", "l2_loss")
    examples: ClassVar = (Example({}, (3,)), Example({}, (1,)))

    def units(self, target: Target) -> int:
        return target.width

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        e = difference(y, t, ctx)
        flat = e.reshape(len(e), -1)
        d = flat.shape[1]
        losses = ctx.xp.einsum("ij,ij->i", flat, flat)
        losses /= d
        e *= 2 / d
        return losses, e

    def baseline(self, target: Target) -> list[float]:
        return column_means(target)
