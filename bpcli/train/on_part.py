"""A metric of one of several targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bpcli.data.records import Target
    from bpcli.metrics._prediction import Prediction
    from bpcli.metrics.base import Metric, Sums


class OnPart:
    """What the trainer asks of a metric, answered for one target: `val.<target>.<metric>`."""

    def __init__(self, metric: Metric, number: int, target: Target) -> None:
        self._metric, self._number, self._name = metric, number, target.names[number]
        self.type, self.whole = metric.type, metric.whole
        self.higher_is_better = metric.higher_is_better

    def is_table(self) -> bool:
        return self._metric.is_table()

    def label(self) -> str:
        return f"{self._name}.{self._metric.label()}"

    def sums(self, prediction: Prediction, target: Target) -> Sums:
        return self._metric.sums(prediction.part(self._number, target), target.parts[self._number])

    def value(self, sums: Any, target: Target) -> Any:
        return self._metric.value(sums, target.parts[self._number])
