from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.data.records import Target
from bpcli.metrics._prediction import Prediction
from bpcli.metrics.base import Metric
from bpcli.spec.base import Example


class ConfusionMatrix(Metric):
    """A table of counts: row i, column j holds the rows of class i that were taken for class j.

    Both are in the order of the labels. It is a table and not a number, so it cannot be monitored.
    """

    type: Literal["confusion_matrix"] = "confusion_matrix"
    targets: ClassVar[tuple[str, ...]] = ("classes",)
    examples: ClassVar = (Example({}),)

    def is_table(self) -> bool:
        return True

    def sums(self, prediction: Prediction, target: Target) -> NDArray[np.float64]:
        k = target.width
        cells = np.bincount(prediction.y * k + prediction.labels, minlength=k * k)
        return cells.reshape(k, k).astype(np.float64)

    def value(self, sums: NDArray[np.float64], target: Target) -> list[list[int]]:
        return sums.astype(np.int64).tolist()
