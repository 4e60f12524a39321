"""Counts of right and wrong decisions for each class, and the ways to make one number of them."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, model_validator
from pydantic_core import PydanticCustomError

from bpcli.errors import ConfigError, closest
from bpcli.metrics._prediction import Prediction
from bpcli.metrics.base import Metric

if TYPE_CHECKING:
    from bpcli.data.records import Target
    from bpcli.losses.base import Loss

Floats = NDArray[np.float64]


def counts(prediction: Prediction, target: Target) -> Floats:
    """(3, k): true positives, predicted positives and actual positives of each class or 0/1 column."""
    k = target.width
    if target.kind == "classes":
        labels, y = prediction.labels, prediction.y
        hits = np.bincount(y[labels == y], minlength=k)
        return np.array([hits, np.bincount(labels, minlength=k), np.bincount(y, minlength=k)], np.float64)
    predicted, actual = prediction.probabilities > 0.5, prediction.y > 0.5
    return np.array([(predicted & actual).sum(0), predicted.sum(0), actual.sum(0)], np.float64)


def ratio(a: Floats, b: Floats) -> Floats:
    """a / b, and 0 where b is 0: what was never predicted, or never occurs, has no success to show."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def f1_score(hits: Floats, predicted: Floats, actual: Floats) -> Floats:
    """The harmonic mean of precision and recall: 2 tp / (predicted + actual)."""
    return ratio(2 * hits, predicted + actual)


class PerClass(Metric):
    """A score of each class, from its counts, and an average of them."""

    targets: ClassVar[tuple[str, ...]] = ("classes", "binary_columns")

    @abstractmethod
    def score(self, hits: Floats, predicted: Floats, actual: Floats) -> Floats:
        """The score of each class, given its true, predicted and actual positives."""

    def sums(self, prediction: Prediction, target: Target) -> Floats:
        return counts(prediction, target)

    def mean(self, sums: Floats, target: Target, average: str) -> Any:
        if target.kind == "classes" and not sums[2].sum():
            return float("nan")  # no rows at all
        if average == "micro":
            return float(self.score(*sums.sum(axis=1, keepdims=True))[0])
        scores = self.score(*sums)
        if average == "none":
            return scores.tolist()
        if average == "weighted":
            return float(ratio(np.array([scores @ sums[2]]), np.array([sums[2].sum()]))[0])
        if target.kind == "classes":
            scores = scores[sums[1] + sums[2] > 0]
        return float(scores.mean())


#: A label as a config may write it: 1 is the label "1".
Label = Annotated[
    str, BeforeValidator(lambda value: str(value) if isinstance(value, int) and value is not True else value)
]


class Averaged(PerClass):
    """The fields that precision, recall and f1 share.

    `average`, of the scores of the classes: `macro`, their plain mean, over the classes that occur or are
    predicted · `weighted`, by how often they occur · `micro`, one score from the counts of all classes ·
    `none`, the list of them, in the order of the labels · `auto`, for two classes the score of the second
    label, else macro. `positive`: the score of this one label (or 0/1 column) instead.
    0 / 0 counts as 0, as in scikit-learn.
    """

    average: Literal["auto", "macro", "micro", "weighted", "none"] = "auto"
    positive: Label | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.positive is not None and self.average != "auto":
            raise PydanticCustomError(
                "positive",
                "positive asks for one class, average: {average} for all of them",
                {"average": self.average, "hint": "remove one of the two"},
            )
        return self

    def is_table(self) -> bool:
        return self.average == "none"

    def label(self) -> str:
        if self.positive is not None:
            return f"{self.type}_{self.positive}"
        if self.average == "none":
            return f"{self.type}_per_class"
        return self.type if self.average == "auto" else f"{self.type}_{self.average}"

    def check(self, target: Target, loss: Loss) -> None:
        self._index(target)

    def value(self, sums: Floats, target: Target) -> Any:
        if self.average == "auto" and (index := self._index(target)) is not None:
            return float(self.score(*sums[:, [index]])[0]) if sums[2].sum() else float("nan")
        return self.mean(sums, target, "macro" if self.average == "auto" else self.average)

    def _index(self, target: Target) -> int | None:
        """The one class whose score is asked for, if it is one."""
        if self.positive is None:
            return 1 if self.average == "auto" and target.kind == "classes" and target.width == 2 else None
        names = target.labels if target.kind == "classes" else target.columns
        if self.positive in names:
            return names.index(self.positive)
        near = closest(self.positive, names)
        raise ConfigError(
            f"{self.type}: there is no class '{self.positive}'",
            path="metrics",
            hint=f"did you mean '{near}'?" if near else f"the classes are {', '.join(names)}",
        )
