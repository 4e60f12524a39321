from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, NonNegativeFloat

from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.errors import BuildError
from bpcli.losses.base import ClassWeight, Loss, class_weights
from bpcli.losses.cross_entropy import CrossEntropy
from bpcli.spec.base import Example


class Focal(Loss):
    """l = -uᵞ log pₜ, u = 1 - pₜ: pₜ is the probability given to the true class; easy rows count less.

    Backward: dl/dy = (uᵞ - γ uᵞ⁻¹ pₜ log pₜ) (p - q), with q the one-hot truth.
    Shapes: y (n, k) logits, p = softmax(y); class indices (n,). γ = 0 is `cross_entropy`. `class_weight`
    weights the training rows by class, as there, in place of the paper's α. For one output, and for 0/1
    columns, there is `binary_focal`.
    Source: Lin, Goyal, Girshick, He and Dollár, 2017.
    """

    type: Literal["focal"] = "focal"
    gamma: NonNegativeFloat = Field(default=2.0, description="how much less what is easy counts")
    class_weight: ClassWeight = None

    targets: ClassVar[tuple[str, ...]] = ("classes",)
    takes_logits: ClassVar[bool] = True
    examples: ClassVar = (
        Example({}, (4,)),
        Example({"gamma": 0.5, "class_weight": "balanced"}, (3,)),
        Example({"gamma": 0.0}, (4,)),
    )

    def units(self, target: Target) -> int:
        if target.width < 2:
            raise BuildError(
                f"focal chooses between classes, and {', '.join(target.columns)} has only one",
                ("loss",),
                hint="check the target column",
            )
        return target.width

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        xp, gamma, row = ctx.xp, self.gamma, ctx.xp.arange(len(y))
        z = xp.subtract(y, real(y).max(axis=1, keepdims=True), out=ctx.buf("z", y.shape, y.dtype))
        dy = xp.exp(z, out=ctx.buf("dy", y.shape, y.dtype))
        total = dy.sum(axis=1)
        dy /= total[:, None]
        p = dy[row, t]
        dy[row, t] = 0
        u = dy.sum(axis=1)  # not 1 - p: where p is nearly 1, the others together have all the digits
        sure = real(u) < 0.5
        surprise = xp.where(sure, -xp.log1p(-xp.where(sure, u, 0)), xp.log(total) - z[row, t])  # -log p
        none = real(u) == 0
        ratio = xp.where(none, 1, surprise / xp.where(none, 1, u))  # goes to 1 as u goes to 0
        focus = xp.where(none, 0.0**gamma, xp.where(none, 1, u) ** gamma).astype(y.dtype, copy=False)
        dy[row, t] = -u  # now p - q
        dy *= (focus * (1 + gamma * p * ratio))[:, None]
        return focus * surprise, dy

    def row_weights(self, y: Any, target: Target, weight: Any = None) -> Any:
        return class_weights(self.class_weight, y, target, weight)

    def for_evaluation(self) -> Loss:
        return self.replace(class_weight=None)

    def predict(self, y: Any, xp: Any) -> Any:
        return CrossEntropy().predict(y, xp)

    def baseline(self, target: Target) -> list[float]:
        return CrossEntropy().baseline(target)
