from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveFloat

from bpcli.core.cplx import absolute, real
from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.errors import BuildError
from bpcli.losses._columns import row_mean
from bpcli.losses.base import ClassWeight, Loss, class_weights, column_means
from bpcli.spec.base import Example


class BinaryCrossEntropy(Loss):
    """l = -1/d Σⱼ (w qⱼ log pⱼ + (1 - qⱼ) log(1 - pⱼ)), with p = sigmoid(y) and w = `pos_weight`, or 1.

    Backward: dl/dy = ((1 - q) p - w q (1 - p)) / d, without a logarithm; for w = 1 that is (p - q) / d.
    Shapes: y (n, 1) logits and class indices (n,) for two classes, where 1 stands for the second label; or
    y (n, d) and 0/1 columns (n, d), averaged over the columns.
    With `from_logits: false`, y is p itself and the net must end in a sigmoid; beyond rounding error of 0
    and 1, l continues along its tangent, so that it and its gradient stay finite.
    `pos_weight` weights the ones against the zeros. `label_smoothing` s replaces q by (1 - s) q + s/2
    (Szegedy et al., 2016). `class_weight` weights training rows by class, as in `cross_entropy`. None of
    the three is in `val.loss`.
    Source: Cox, 1958.
    """

    type: Literal["binary_cross_entropy"] = "binary_cross_entropy"
    from_logits: bool = True
    pos_weight: PositiveFloat | None = None
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weight: ClassWeight = None

    targets: ClassVar[tuple[str, ...]] = ("classes", "binary_columns")
    aliases: ClassVar = ("bce", "binary_crossentropy", "sigmoid_cross_entropy")
    examples: ClassVar = (
        Example({}, (1,)),
        Example({"pos_weight": 3.0, "label_smoothing": 0.1}, (3,)),
        Example({"from_logits": False}, (2,)),
    )

    @property
    def takes_logits(self) -> bool:
        return self.from_logits

    @property
    def head_activation(self) -> str:
        return "linear" if self.from_logits else "sigmoid"

    def units(self, target: Target) -> int:
        if target.kind == "classes" and target.width != 2:
            raise BuildError(
                f"binary_cross_entropy needs two classes, but {', '.join(target.columns)} has {target.width}",
                ("loss",),
                hint="use cross_entropy",
            )
        return 1 if target.kind == "classes" else target.width

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        q = ctx.buf("q", y.shape, y.dtype)
        q[...] = t.reshape(y.shape)
        if s := self.label_smoothing:
            q *= 1 - s
            q += s / 2
        ones = q if self.pos_weight is None else q * self.pos_weight  # w q
        zeros = ctx.xp.subtract(1, q, out=ctx.buf("zeros", y.shape, y.dtype))
        pair = _from_logits if self.from_logits else _from_probabilities
        cells, dy = pair(y, ones, zeros, ctx)
        dy *= len(dy) / dy.size
        return row_mean(cells), dy

    def row_weights(self, y: Any, target: Target, weight: Any = None) -> Any:
        return class_weights(self.class_weight, y, target, weight)

    def takes_mixed(self, target: Target) -> bool:
        return target.kind == "binary_columns"

    def for_evaluation(self) -> Loss:
        return self.replace(label_smoothing=0.0, class_weight=None, pos_weight=None)

    def predict(self, y: Any, xp: Any) -> Any:
        p = _sigmoid(y, xp) if self.from_logits else y
        if y.shape[1] > 1:
            return p
        rest = _sigmoid(-y, xp) if self.from_logits else 1 - y
        return xp.concatenate([rest, p], axis=1)  # both classes, in the order of the labels

    def baseline(self, target: Target) -> list[float]:
        p = np.asarray(column_means(target))
        p = np.clip(p[1:] if target.kind == "classes" else p, 1e-12, 1 - 1e-12)
        return (np.log(p / (1 - p)) if self.from_logits else p).tolist()


def _sigmoid(y: Any, xp: Any) -> Any:
    e = xp.exp(-xp.abs(y))
    return xp.where(y >= 0, 1, e) / (1 + e)


def _from_logits(y: Any, ones: Any, zeros: Any, ctx: Ctx) -> tuple[Any, Any]:
    """log(1 + exp(-|y|)) and what the sign of y adds to it: no exponential ever overflows."""
    xp = ctx.xp
    a = absolute(y, xp)
    e = xp.exp(-a)
    below = real(y) < 0
    shared = xp.log1p(e)  # -log p is this, and -y more below zero; -log(1 - p) is this, and y more above
    cells = ones * xp.where(below, shared + a, shared) + zeros * xp.where(below, shared, shared + a)
    dy = ctx.buf("dy", y.shape, y.dtype)
    xp.multiply(zeros, xp.where(below, e, 1), out=dy)
    dy -= ones * xp.where(below, 1, e)
    dy /= 1 + e
    return cells, dy


def _from_probabilities(p: Any, ones: Any, zeros: Any, ctx: Ctx) -> tuple[Any, Any]:
    """The logarithms within [ε, 1 - ε], and their tangents outside."""
    xp = ctx.xp
    eps = float(np.finfo(p.dtype).eps)
    inside = xp.where(real(p) < eps, eps, xp.where(real(p) > 1 - eps, 1 - eps, p)).astype(p.dtype, copy=False)
    dy = ctx.buf("dy", p.shape, p.dtype)
    xp.divide(zeros, 1 - inside, out=dy)
    dy -= ones / inside
    cells = -ones * xp.log(inside) - zeros * xp.log1p(-inside) + dy * (p - inside)
    return cells, dy
