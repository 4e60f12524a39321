"""Metrics over many batches: sums that are added up, then turned into numbers."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bpcli.data.records import Target
    from bpcli.metrics._prediction import Prediction
    from bpcli.metrics.base import Metric, Sums


class Scores:
    """The running sums of some metrics; `arrays` and `restore` take them through a checkpoint."""

    def __init__(self, metrics: Sequence[Metric], target: Target) -> None:
        self._metrics = {metric.label(): metric for metric in metrics}
        self._target = target
        self._sums: dict[str, Sums] = {}
        self._rows: dict[str, list[NDArray[np.float64]]] = {}

    def clear(self) -> None:
        self._sums.clear()
        self._rows.clear()

    def add(self, prediction: Prediction) -> None:
        for label, metric in self._metrics.items():
            sums = metric.sums(prediction, self._target)
            if metric.whole:
                self._rows.setdefault(label, []).append(np.asarray(sums))
            else:
                self.add_to(label, sums)

    def add_to(self, label: str, sums: Sums) -> None:
        """Adds to one metric's sums alone: the penalties, to the loss."""
        held = self._sums.get(label)
        if held is None:
            self._sums[label] = sums
        elif isinstance(sums, tuple):  # at every step, and small arrays take several times as long
            self._sums[label] = tuple(map(operator.add, held, sums))
        else:
            held += sums

    def values(self) -> dict[str, Any]:
        """Every metric by its label."""
        sums = self._sums | {label: np.concatenate(rows) for label, rows in self._rows.items()}
        return {
            label: metric.value(sums[label], self._target)
            for label, metric in self._metrics.items()
            if label in sums
        }

    def value(self, label: str) -> float:
        """One metric so far, for a progress display; NaN before the first batch."""
        if label not in self._sums:
            return float("nan")
        return float(self._metrics[label].value(self._sums[label], self._target))

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        return {label: np.asarray(sums, dtype=np.float64) for label, sums in self._sums.items()}

    def restore(self, arrays: dict[str, NDArray[np.float64]]) -> None:
        self.clear()
        self._sums.update({label: array.copy() for label, array in arrays.items()})
