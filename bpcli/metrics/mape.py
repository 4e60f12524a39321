from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from bpcli.data.records import Target
from bpcli.metrics._prediction import Prediction
from bpcli.metrics._regression import Floats
from bpcli.metrics.base import Metric
from bpcli.spec.base import Example


class Mape(Metric):
    """1/n Σ |y - t| / |t|, the mean error as a share of the true value; of several columns, the mean.

    0.1 stands for 10 %. In the units of the target as the data has it, also under a `target_transform`.
    Undefined (null) where a true value is 0; scikit-learn gives a number about 1e16 there.
    """

    type: Literal["mape"] = "mape"
    higher_is_better: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("values",)
    aliases: ClassVar = ("mean_absolute_percentage_error",)
    examples: ClassVar = (Example({}),)

    def sums(self, prediction: Prediction, target: Target) -> Floats:
        t = prediction.actual
        error = np.abs(prediction.values - t)
        shares = np.divide(error, np.abs(t), out=np.full_like(error, np.nan), where=t != 0)
        return np.append(shares.sum(axis=0), len(shares))

    def value(self, sums: Floats, target: Target) -> float:
        return float((sums[:-1] / sums[-1]).mean()) if sums[-1] else float("nan")
