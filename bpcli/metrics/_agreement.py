"""What the metrics share that are made of the whole table of true and predicted classes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from bpcli.data.records import Target
from bpcli.metrics._confusion import Floats
from bpcli.metrics._prediction import Prediction
from bpcli.metrics.base import Metric


class Agreement(Metric):
    """A number made of the counts (k, k): rows are true classes, columns predicted ones."""

    targets: ClassVar[tuple[str, ...]] = ("classes",)

    def sums(self, prediction: Prediction, target: Target) -> Floats:
        k = target.width
        cells = np.bincount(prediction.y * k + prediction.labels, minlength=k * k)
        return cells.reshape(k, k).astype(np.float64)
