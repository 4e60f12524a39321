from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.data.records import Batch, Target
from bpcli.errors import BuildError
from bpcli.losses._columns import refuse
from bpcli.losses.base import ClassWeight, Loss, class_weights, column_means
from bpcli.spec.base import Example

#: Logits up to which the compiled kernel is worth while: beyond, NumPy's exponential is the faster one.
_SMALL = 2048


class CrossEntropy(Loss):
    """l = -Σₖ qₖ log pₖ, with p = softmax(y): the classes' negative log-likelihood.

    Backward: dl/dy = p Σₖ qₖ - q, softmax and logarithm taken together, so that it stays finite.
    Shapes: y (n, k) logits; target class indices (n,), or probabilities q (n, k).
    `label_smoothing` s replaces q by (1 - s) q + s/k (Szegedy et al., 2016). `class_weight` weights the
    training rows: n / (k nₖ) for `balanced`, or a number for each label. Where rows have weights of their
    own, both are multiplied, and n and nₖ add up the rows'. Rows of class `ignore_index` count nothing.
    Source: Bridle, 1990.
    """

    type: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weight: ClassWeight = None
    ignore_index: int | None = None

    targets: ClassVar[tuple[str, ...]] = ("classes", "values")
    takes_logits: ClassVar[bool] = True
    aliases: ClassVar = ("softmax_cross_entropy", "categorical_crossentropy")
    examples: ClassVar = (Example({}, (4,)), Example({"label_smoothing": 0.1, "ignore_index": 2}, (5,)))

    def units(self, target: Target) -> int:
        if target.width < 2:
            raise BuildError(
                f"cross_entropy chooses between classes, and {', '.join(target.columns)} has only one",
                ("loss",),
                hint="use mse or binary_cross_entropy, or check the target column",
            )
        if (i := self.ignore_index) is not None and (target.kind != "classes" or not 0 <= i < target.width):
            raise BuildError(
                f"ignore_index is {i}, which is no class here",
                ("loss", "ignore_index"),
                "it is the place of a label in order: "
                + ", ".join(f"{place} is {label}" for place, label in enumerate(target.labels[:12]))
                if target.labels
                else "probabilities have no class to ignore; remove it",
            )
        return target.width

    def check(self, y: Any, target: Target) -> None:
        if target.kind != "values":
            return
        hint = "use mse for plain numbers; the columns must be the classes' probabilities, untransformed"
        refuse(self.type, target, y < 0, "negative", hint)
        refuse(self.type, target, abs(y.sum(axis=1) - 1) > 1e-3, "unnormalised", hint)

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        xp, (n, k), s = ctx.xp, y.shape, self.label_smoothing
        if y.size <= _SMALL and t.ndim == 1 and not s and self.ignore_index is None:
            kernels = ctx.compiled("cross_entropy", y.dtype)
            if kernels is not None:
                losses, p = ctx.buf("losses", (n,), y.dtype), ctx.buf("p", y.shape, y.dtype)
                kernels.rows(y, t, losses, p)
                return losses, p
        z = ctx.buf("z", y.shape, y.dtype)
        xp.subtract(y, real(y).max(axis=1, keepdims=True), out=z)
        p = ctx.buf("p", y.shape, y.dtype)
        xp.exp(z, out=p)
        total = p.dot(ctx.ones(k, y.dtype))  # for short rows much faster than a sum along them
        p /= total[:, None]
        losses = xp.log(total)
        if t.ndim == 1:  # q is one-hot: pick instead of multiplying by zeros
            ignored = None if self.ignore_index is None else t == self.ignore_index
            if ignored is not None:
                t = xp.where(ignored, 0, t)  # what is ignored need not be a class at all
            true = xp.arange(0, n * k, k) + t
            if not s:
                losses -= z.reshape(-1).take(true)
                p.reshape(-1)[true] -= 1
            else:
                losses -= (1 - s) * z.reshape(-1)[true] + s / k * z.sum(axis=1)
                p.reshape(-1)[true] -= 1 - s
                p -= s / k
            if ignored is not None:
                losses[ignored] = 0
                p[ignored] = 0
            return losses, p
        t = t.astype(y.dtype, copy=False)
        q = (1 - s) * t + s / k * t.sum(axis=1, keepdims=True)
        mass = q.sum(axis=1)
        losses = losses * mass - (q * z).sum(axis=1)
        p *= mass[:, None]
        p -= q
        return losses, p

    def weight(self, batch: Batch) -> float:
        if self.ignore_index is None or batch.y.ndim > 1:
            return super().weight(batch)
        kept = batch.y != self.ignore_index
        return float(kept.sum() if batch.weight is None else (batch.weight * kept).sum(dtype="float64"))

    def row_weights(self, y: Any, target: Target, weight: Any = None) -> Any:
        return class_weights(self.class_weight, y, target, weight)

    def takes_mixed(self, target: Target) -> bool:
        return self.ignore_index is None

    def for_evaluation(self) -> Loss:
        return self.replace(label_smoothing=0.0, class_weight=None)

    def predict(self, y: Any, xp: Any) -> Any:
        p = xp.exp(y - y.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return p

    def baseline(self, target: Target) -> list[float]:
        shares = np.maximum(column_means(target), 1e-12)
        return np.log(shares / shares.sum()).tolist()
