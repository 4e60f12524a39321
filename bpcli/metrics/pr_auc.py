from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.data.records import Target
from bpcli.metrics.roc_auc import RocAuc
from bpcli.spec.base import Example


class PrAuc(RocAuc):
    """Σₙ (Rₙ - Rₙ₋₁) Pₙ, precision P and recall R at each threshold: the average precision.

    The area under the precision-recall curve, without interpolating. For a rare class it says more than
    `roc_auc`: a random ranking has the share of the class. Two classes: the second label. More: the mean
    over the classes, each against the rest. Several 0/1 columns: their mean. Undefined (null) where a class
    or column has no rows.
    It ranks all rows at once, so it is not reported for the training part.
    Source: Davis and Goadrich, 2006.
    """

    type: Literal["pr_auc"] = "pr_auc"
    aliases: ClassVar = ("average_precision",)
    examples: ClassVar = (Example({}),)

    def value(self, sums: NDArray[np.float64], target: Target) -> float:
        columns = sums.shape[1] // 2
        areas = [_area(sums[:, column], sums[:, columns + column] > 0) for column in range(columns)]
        return float(np.mean(areas))


def _area(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    if not positive.any() or np.isnan(scores).any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)  # equal scores are one threshold
    hits = np.cumsum(positive[order])[last]
    named = np.flatnonzero(last) + 1
    return float((np.diff(hits, prepend=0) * hits / named).sum() / hits[-1])
