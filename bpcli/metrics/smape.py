from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from bpcli.data.records import Target
from bpcli.metrics._prediction import Prediction
from bpcli.metrics._regression import Floats
from bpcli.metrics.base import Metric
from bpcli.spec.base import Example


class Smape(Metric):
    """1/n Σ 2 |y - t| / (|y| + |t|), the error as a share of the mean of both; of several columns, the mean.

    From 0 to 2: 0.1 stands for 10 %. In the units of the target as the data has it, also under a
    `target_transform`. A row whose true and predicted values are both 0 counts as 0.
    Source: Makridakis, 1993; Makridakis and Hibon, 2000, as in the M3 and M4 competitions.
    """

    type: Literal["smape"] = "smape"
    higher_is_better: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("values",)
    aliases: ClassVar = ("symmetric_mean_absolute_percentage_error",)
    examples: ClassVar = (Example({}),)

    def sums(self, prediction: Prediction, target: Target) -> Floats:
        y, t = prediction.values, prediction.actual
        size = np.abs(y) + np.abs(t)
        shares = np.divide(2 * np.abs(y - t), size, out=np.zeros_like(size), where=size != 0)
        return np.append(shares.sum(axis=0), len(shares))

    def value(self, sums: Floats, target: Target) -> float:
        return float((sums[:-1] / sums[-1]).mean()) if sums[-1] else float("nan")
