from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from bpcli.data.records import Target
from bpcli.metrics._prediction import Prediction
from bpcli.metrics._regression import Floats
from bpcli.metrics.base import Metric
from bpcli.spec.base import Example


class Pearson(Metric):
    """Σ (y - mean y)(t - mean t) / √(Σ (y - mean y)² Σ (t - mean t)²): the correlation of y with t.

    Of several columns, the mean. 1 is perfect up to a scale and a shift, which it does not see. Undefined
    (null) where y or t does not vary.
    Source: Pearson, 1896.
    """

    type: Literal["pearson"] = "pearson"
    targets: ClassVar[tuple[str, ...]] = ("values",)
    aliases: ClassVar = ("correlation",)
    examples: ClassVar = (Example({}),)

    def sums(self, prediction: Prediction, target: Target) -> Floats:
        """(6, d): rows, and the moments of y and t about the training mean (about zero digits would go)."""
        center = prediction.center(target)
        y, t = prediction.values - center, prediction.actual - center
        rows = np.full(t.shape[1], float(len(t)))
        return np.array([rows, y.sum(0), t.sum(0), (y * y).sum(0), (t * t).sum(0), (y * t).sum(0)])

    def value(self, sums: Floats, target: Target) -> float:
        n, y, t, yy, tt, yt = sums
        if n[0] < 2:
            return float("nan")
        spreads = np.array([yy - y * y / n, tt - t * t / n])
        spreads[spreads <= np.finfo(np.float64).eps * n * np.array([yy, tt])] = np.nan  # only rounding
        return float(np.clip((yt - y * t / n) / np.sqrt(spreads[0] * spreads[1]), -1, 1).mean())
