"""A loss: its value and its gradient from one call."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import NonNegativeFloat

from bpcli.core.cplx import accumulator
from bpcli.errors import BuildError
from bpcli.spec.base import Component

if TYPE_CHECKING:
    from bpcli.core.ctx import Ctx
    from bpcli.data.records import Batch, Target


class Loss(Component):
    """L = Σ wᵢ lᵢ / norm, with dL/dy; lᵢ is the loss of row i, wᵢ its weight, norm the weights' sum.

    A loss defines `rows`: the loss of each row and its gradient. Everything about weights, masks and
    what the mean divides by is in this class, once. With a class for each place of a row, outputs
    (n, ..., units) and targets (n, ...), every place counts as a row, and one whose class is -1 not at all.
    """

    smooth: ClassVar[bool] = True
    #: The kinds of target that it can be used with.
    targets: ClassVar[tuple[str, ...]] = ()
    #: Whether the net's output is read as logits: a softmax or sigmoid in front of it is then a mistake.
    takes_logits: ClassVar[bool] = False
    #: Whether `predict` gives probabilities of classes; otherwise scores, whose largest is the prediction.
    gives_probabilities: ClassVar[bool] = True
    #: The activation that an automatic output layer ends in for this loss.
    head_activation: ClassVar[str] = "linear"

    @abstractmethod
    def units(self, target: Target) -> int:
        """The width of the output layer for this target."""

    @abstractmethod
    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        """(l, dl): the loss of each row (n,), and dlᵢ/dyᵢ with the shape of y."""

    def __call__(self, y: Any, batch: Batch, norm: float, ctx: Ctx) -> tuple[Any, Any]:
        """(L, dL/dy) for outputs y (n, units). L is a Python float, or complex under the complex step."""
        shape = y.shape
        t, weight = placed(batch.y, batch.weight, ctx.xp)
        losses, dy = self.rows(y.reshape(-1, shape[-1]), t, ctx)
        if weight is None:
            kernels = ctx.compiled("loss", dy.dtype)
            if kernels is not None and dy.flags.c_contiguous and losses.dtype == dy.dtype:
                return kernels.mean(losses, dy, norm), dy.reshape(shape)
            dy *= 1.0 / norm
        else:
            losses = losses * weight
            dy *= (weight / norm).reshape(-1, 1)
        return losses.sum(dtype=accumulator(losses.dtype)).item() / norm, dy.reshape(shape)

    def weight(self, batch: Batch) -> float:
        """What the mean over this batch divides by: the sum of its weights, or its rows, or its places."""
        y, weight = batch.y, batch.weight
        if not has_places(y):
            return float(len(y)) if weight is None else float(weight.sum(dtype="float64"))
        counts = (y >= 0).reshape(len(y), -1).sum(axis=1, dtype="float64")
        return float(counts.sum() if weight is None else (counts * weight).sum())

    def bound(self, target: Target) -> Loss:
        """The same loss for this target, where its columns make a difference to it."""
        return self

    def several(self) -> Sequence[Any]:
        """Of a loss of several targets: the part of each, with its columns, its loss and its weight."""
        return ()

    def cut(self, number: int) -> Any:
        """Of a loss that is bound to several targets: where part `number` stands in outputs and targets."""
        raise IndexError(number)

    def check(self, y: Any, target: Target) -> None:
        """Before training: BuildError where training targets y are none that this loss is defined for."""

    def row_weights(self, y: Any, target: Target, weight: Any = None) -> Any:
        """The weights (n,) that the loss itself gives to training rows (class weights), or None.

        They are multiplied into the rows' own, `weight` (n,), where there are any.
        """
        return None

    def takes_mixed(self, target: Target) -> bool:
        """Whether a target may be the mean of several rows' (mixup); of classes, as probabilities (n, k)."""
        return target.kind == "values"

    def for_evaluation(self) -> Loss:
        """The same loss without what is only meant for training: smoothing and class weights."""
        return self

    def predict(self, y: Any, xp: Any) -> Any:
        """What outputs y stand for: probabilities or scores (n, k) for classes, (n, d) for several 0/1
        columns, else the values (n, d)."""
        return y

    def details(self, y: Any, xp: Any) -> dict[str, Any]:
        """What else outputs y say of each value: (n, d) by name, in the target's units; for `predict`."""
        return {}

    @abstractmethod
    def baseline(self, target: Target) -> list[float]:
        """The constant output (units,) of the majority class or mean predictor."""


def has_places(y: Any) -> bool:
    """Whether targets are a class for each place of a row, rather than one class or some values."""
    return y is not None and y.dtype.kind == "i" and y.ndim > 1


def placed(y: Any, weight: Any, xp: Any) -> tuple[Any, Any]:
    """(targets, weights) with every place as a row; weight and class 0 where there is nothing to predict."""
    if not has_places(y):
        return y, weight
    if weight is not None:
        weight = xp.repeat(weight, y[0].size)
    t = y.reshape(-1)
    real = t >= 0
    if real.all():
        return t, weight
    weight = real.astype("float64") * (1 if weight is None else weight)
    return xp.maximum(t, 0), weight


def column_means(target: Target) -> list[float]:
    """The training mean of each column: of the values, or the share of each class or of ones."""
    if target.kind == "values":
        return [float(mean) for mean in target.mean]
    rows = sum(target.counts) if target.kind == "classes" else target.rows
    return [count / max(rows, 1) for count in target.counts]


#: balanced, or a weight for each label.
ClassWeight = Literal["balanced"] | dict[str, NonNegativeFloat] | None


def class_weights(option: ClassWeight, y: Any, target: Target, weight: Any = None) -> Any:
    """The weight (n,) of each training row by its class (King and Zeng, 2001), or None without the option.

    balanced: n / (k nₖ), so that all classes weigh alike and the mean weight is 1. With sample weights n and
    nₖ are sums of them, as in scikit-learn's compute_class_weight: a row of weight 2 is that row twice.
    """
    if option is None:
        return None
    if target.kind != "classes":
        raise BuildError("class_weight needs a target of classes", ("loss", "class_weight"))
    if option == "balanced":
        counts, rows = target.counts, target.rows
        if weight is not None:
            counts = np.bincount(y, weight.astype(np.float64), len(target.counts)).tolist()
            rows = sum(counts)
        table = [rows / (len(counts) * count) if count else 1.0 for count in counts]
    else:
        if unknown := sorted(set(option) - set(target.labels)):
            raise BuildError(
                f"class_weight names a label that does not occur: {', '.join(unknown)}",
                ("loss", "class_weight"),
                hint=f"the labels are {', '.join(target.labels)}",
            )
        table = [option.get(label, 1.0) for label in target.labels]
        if not any(table):
            raise BuildError("class_weight is 0 for every label", ("loss", "class_weight"))
    return np.asarray(table)[y]
