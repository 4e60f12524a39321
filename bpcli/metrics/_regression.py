"""Errors of predicted values, column by column, in the target's original units."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bpcli.data.records import Target
from bpcli.metrics._prediction import Prediction
from bpcli.metrics.base import Metric

Floats = NDArray[np.float64]


class ColumnError(Metric):
    """The mean over the columns of something of each column's mean error."""

    higher_is_better: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("values",)

    @abstractmethod
    def errors(self, difference: Floats) -> Floats:
        """What is averaged over the rows: of predicted - actual (n, d), in the target's original units."""

    def finish(self, means: Floats) -> Floats:
        """The number of each column, from its mean error (d,)."""
        return means

    def sums(self, prediction: Prediction, target: Target) -> Floats:
        errors = self.errors(prediction.values - prediction.actual)
        return np.append(errors.sum(axis=0), len(errors))

    def value(self, sums: Floats, target: Target) -> float:
        return float(self.finish(sums[:-1] / sums[-1]).mean()) if sums[-1] else float("nan")
