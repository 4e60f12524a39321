from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from bpcli.data.records import Target
from bpcli.metrics._likelihood import OfProbabilities
from bpcli.metrics._prediction import Prediction
from bpcli.spec.base import Example


class Ece(OfProbabilities):
    """Σ over bins of (rows in the bin / n) |accuracy - mean confidence|: the expected calibration error.

    Rows are put into `bins` of equal width by their confidence, the probability of the predicted class; a
    net that is right in 80 % of what it holds for 80 % likely has 0.
    Source: Naeini, Cooper and Hauskrecht, 2015; Guo, Pleiss, Sun and Weinberger, 2017.
    """

    type: Literal["ece"] = "ece"
    bins: PositiveInt = 15

    targets: ClassVar[tuple[str, ...]] = ("classes",)
    examples: ClassVar = (Example({}),)

    def sums(self, prediction: Prediction, target: Target) -> NDArray[np.float64]:
        """(3, bins): rows, right ones, and the sum of confidences in each bin."""
        self.check(target, prediction.loss)
        confidence = prediction.exact_probabilities.max(axis=1)
        known = np.isfinite(confidence)
        place = np.minimum((np.where(known, confidence, 0) * self.bins).astype(np.int64), self.bins - 1)
        right = (prediction.labels == prediction.y).astype(np.float64)
        weights = (np.ones(len(place)), right, confidence)
        return np.array([np.bincount(place, weight, self.bins) for weight in weights], np.float64)

    def value(self, sums: NDArray[np.float64], target: Target) -> float:
        rows, right, confidence = sums
        return float(np.abs(right - confidence).sum() / rows.sum()) if rows.sum() else float("nan")
