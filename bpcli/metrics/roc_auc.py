from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.data.records import Target
from bpcli.metrics._prediction import Prediction
from bpcli.metrics.base import Metric
from bpcli.spec.base import Example


class RocAuc(Metric):
    """The area under the ROC curve: how often a row of the class scores above one that is not of it.

    Ties count half, so the value is exact (Mann and Whitney's U). Two classes: the second label against the
    first. More: the mean over the classes, each against the rest (`ovr`, macro). Several 0/1 columns: their
    mean. Undefined (null) where a class or a column has no rows, or only such rows.
    It ranks all rows at once, so it is not reported for the training part.
    Source: Hanley and McNeil, 1982.
    """

    type: Literal["roc_auc"] = "roc_auc"
    targets: ClassVar[tuple[str, ...]] = ("classes", "binary_columns")
    whole: ClassVar[bool] = True
    aliases: ClassVar = ("auc",)
    examples: ClassVar = (Example({}),)

    def sums(self, prediction: Prediction, target: Target) -> NDArray[np.float64]:
        """(n, 2 c): the scores of c columns, and whether each row is positive there."""
        outputs = prediction.outputs.astype(np.float64)
        if target.kind == "binary_columns":  # a sigmoid would keep the order, and add ties
            scores, positive = outputs, prediction.y > 0.5
        elif target.width == 2:
            scores = outputs if outputs.shape[1] == 1 else outputs[:, 1:] - outputs[:, :1]
            positive = (prediction.y == 1)[:, None]
        else:
            scores = prediction.exact_probabilities
            positive = prediction.y[:, None] == np.arange(target.width)
        return np.concatenate([scores, positive], axis=1, dtype=np.float64)

    def value(self, sums: NDArray[np.float64], target: Target) -> float:
        columns = sums.shape[1] // 2
        areas = [_area(sums[:, column], sums[:, columns + column] > 0) for column in range(columns)]
        return float(np.mean(areas))


def _area(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    ones = int(positive.sum())
    pairs = ones * (len(positive) - ones)
    if not pairs or np.isnan(scores).any():
        return float("nan")
    _, place, ties = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(ties) - (ties - 1) / 2  # the mean rank of each group of equal scores, from 1
    return float((ranks[place.ravel()][positive].sum() - ones * (ones + 1) / 2) / pairs)
