from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.data.records import Target
from bpcli.metrics._likelihood import OfProbabilities
from bpcli.metrics._prediction import Prediction
from bpcli.spec.base import Example


class Brier(OfProbabilities):
    """1/n Σ Σₖ (pₖ - qₖ)², with q the one-hot truth: the squared error of the probabilities.

    For two classes half of it, (p - q)² of the second label, so that it lies between 0 and 1, as in
    scikit-learn; for more up to 2. Several 0/1 columns: the mean of theirs.
    Source: Brier, 1950.
    """

    type: Literal["brier"] = "brier"
    targets: ClassVar[tuple[str, ...]] = ("classes", "binary_columns")
    aliases: ClassVar = ("brier_score",)
    examples: ClassVar = (Example({}),)

    def sums(self, prediction: Prediction, target: Target) -> NDArray[np.float64]:
        self.check(target, prediction.loss)
        p, t = prediction.exact_probabilities, prediction.y
        if target.kind == "binary_columns":
            cells = ((p - t) ** 2).mean(axis=1)
        elif target.width == 2:
            cells = (p[:, 1] - t) ** 2
        else:
            cells = ((p - np.eye(target.width)[t]) ** 2).sum(axis=1)
        return np.array([cells.sum(), len(cells)])

    def value(self, sums: NDArray[np.float64], target: Target) -> float:
        return float(sums[0] / sums[1]) if sums[1] else float("nan")
