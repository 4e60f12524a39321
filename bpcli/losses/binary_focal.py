from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeFloat

from bpcli.core.cplx import absolute, real
from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.errors import BuildError
from bpcli.losses._columns import row_mean
from bpcli.losses.base import Loss
from bpcli.losses.binary_cross_entropy import BinaryCrossEntropy
from bpcli.spec.base import Example


class BinaryFocal(Loss):
    """l = -1/d Σⱼ αₜ uᵞ log pₜ, u = 1 - pₜ: pₜ is the chance given to what is true; easy cells count less.

    Backward: with z = y for ones and -y for zeros, dl/dz = -αₜ uᵞ (u - γ pₜ log pₜ) / d.
    Shapes: y (n, 1) logits and class indices (n,) for two classes, 1 for the second label; or y (n, d) and
    0/1 columns (n, d), averaged over the columns. γ = 0 is `binary_cross_entropy`. `alpha` weights the ones
    by α and the zeros by 1 - α; it is not in `val.loss`. As in torchvision, whose defaults are these too,
    nothing divides by the number of ones.
    Source: Lin, Goyal, Girshick, He and Dollár, 2017.
    """

    type: Literal["binary_focal"] = "binary_focal"
    gamma: NonNegativeFloat = Field(default=2.0, description="how much less what is easy counts")
    alpha: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=0.25, description="the weight of ones; null: ones and zeros alike, with weight 1"
    )

    targets: ClassVar[tuple[str, ...]] = ("classes", "binary_columns")
    takes_logits: ClassVar[bool] = True
    examples: ClassVar = (
        Example({}, (1,)),
        Example({"gamma": 0.5, "alpha": None}, (3,)),
        Example({"gamma": 0.0}, (3,)),
    )

    def units(self, target: Target) -> int:
        if target.kind == "classes" and target.width != 2:
            raise BuildError(
                f"binary_focal needs two classes, but {', '.join(target.columns)} has {target.width}",
                ("loss",),
                hint="use focal",
            )
        return 1 if target.kind == "classes" else target.width

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        xp, gamma = ctx.xp, self.gamma
        sign = ctx.buf("sign", y.shape, y.dtype)
        sign[...] = 2 * t.reshape(y.shape) - 1
        z = sign * y
        a = absolute(z, xp)
        below = real(z) < 0
        e = xp.exp(-a)
        tail = xp.log1p(e)
        e /= 1 + e
        surprise = xp.where(below, tail + a, tail)  # -log pₜ
        focus = xp.exp(-gamma * xp.where(below, tail, tail + a))  # uᵞ, through log u
        if self.alpha is not None:
            focus *= xp.where(real(sign) > 0, self.alpha, 1 - self.alpha).astype(y.dtype, copy=False)
        dy = ctx.buf("dy", y.shape, y.dtype)
        xp.multiply(xp.where(below, e, 1 - e), surprise, out=dy)
        dy *= gamma
        dy += xp.where(below, 1 - e, e)
        dy *= focus
        dy *= sign
        dy *= -len(dy) / dy.size
        return row_mean(focus * surprise), dy

    def for_evaluation(self) -> Loss:
        return self.replace(alpha=None)

    def predict(self, y: Any, xp: Any) -> Any:
        return BinaryCrossEntropy().predict(y, xp)

    def baseline(self, target: Target) -> list[float]:
        return BinaryCrossEntropy().baseline(target)
