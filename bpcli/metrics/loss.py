from __future__ import annotations

from typing import ClassVar, Literal

from bpcli.data.records import Target
from bpcli.metrics._prediction import Prediction
from bpcli.metrics.base import Metric, Sums
from bpcli.spec.base import Example


class LossMetric(Metric):
    """The mean loss; always reported. On the training part with all that is minimised, elsewhere without
    smoothing, class weights and penalties."""

    type: Literal["loss"] = "loss"
    higher_is_better: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("classes", "binary_columns", "values")
    examples: ClassVar = (Example({}),)

    def sums(self, prediction: Prediction, target: Target) -> Sums:
        return prediction.loss_sum, prediction.norm

    def value(self, sums: Sums, target: Target) -> float:
        return float(sums[0] / sums[1]) if sums[1] else float("nan")
