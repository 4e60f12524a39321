from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from bpcli.data.records import Target
from bpcli.metrics._prediction import Prediction
from bpcli.metrics._regression import Floats
from bpcli.metrics.base import Metric
from bpcli.spec.base import Example


class R2(Metric):
    """1 - Σ (y - t)² / Σ (t - mean t)², the share of the variance that is explained; of several columns,
    the mean.

    1 is perfect, 0 no better than the constant mean of these very rows, and there is no lower end.
    Undefined (null) for fewer than two rows, or where a column does not vary.
    """

    type: Literal["r2"] = "r2"
    targets: ClassVar[tuple[str, ...]] = ("values",)
    aliases: ClassVar = ("r2_score",)
    examples: ClassVar = (Example({}),)

    def sums(self, prediction: Prediction, target: Target) -> Floats:
        """(4, d): rows, squared error, and the first two moments of t about the training mean.

        About zero, the second moment of a year or a price would leave few digits for the variance.
        """
        t = prediction.actual - prediction.center(target)
        error = prediction.values - prediction.actual
        return np.array([np.full(t.shape[1], len(t)), (error * error).sum(0), t.sum(0), (t * t).sum(0)])

    def value(self, sums: Floats, target: Target) -> float:
        rows, error, first, second = sums
        if rows[0] < 2:
            return float("nan")
        spread = second - first * first / rows
        spread[spread <= np.finfo(np.float64).eps * rows * second] = np.nan  # no more than rounding
        return float((1 - error / spread).mean())
