from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from bpcli.data.records import Target
from bpcli.metrics._prediction import Prediction
from bpcli.metrics.base import Metric, Sums
from bpcli.spec.base import Example


class Accuracy(Metric):
    """The share of rows (of cells, for several 0/1 columns) whose predicted class is the true one."""

    type: Literal["accuracy"] = "accuracy"
    targets: ClassVar[tuple[str, ...]] = ("classes", "binary_columns")
    examples: ClassVar = (Example({}),)

    def sums(self, prediction: Prediction, target: Target) -> Sums:
        if target.kind == "classes":
            right = prediction.labels == prediction.y
        else:
            right = (prediction.probabilities > 0.5) == (prediction.y > 0.5)
        return int(np.count_nonzero(right)), right.size

    def value(self, sums: Sums, target: Target) -> float:
        return float(sums[0] / sums[1]) if sums[1] else float("nan")
