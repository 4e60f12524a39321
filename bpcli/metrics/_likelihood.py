"""What the metrics share that look at the probability of the true class."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bpcli.data.records import Target
from bpcli.errors import ConfigError
from bpcli.losses.base import Loss
from bpcli.metrics._prediction import Prediction
from bpcli.metrics.base import Metric


class OfProbabilities(Metric):
    """A metric that needs probabilities, and says so where the loss gives none."""

    higher_is_better: ClassVar[bool] = False

    def check(self, target: Target, loss: Loss) -> None:
        if not loss.gives_probabilities:
            raise ConfigError(
                f"{self.type} needs probabilities, and {loss.type} gives none",
                path="metrics",
                hint=f"use cross_entropy as the loss, or leave {self.type} out",
            )


class Likelihood(OfProbabilities):
    """Something of the mean of -log p(true class), p in float64 and at least 1e-300."""

    targets: ClassVar[tuple[str, ...]] = ("classes",)

    def sums(self, prediction: Prediction, target: Target) -> NDArray[np.float64]:
        self.check(target, prediction.loss)
        p = np.take_along_axis(prediction.exact_probabilities, prediction.y[:, None], axis=1)
        return np.array([-np.log(np.maximum(p, 1e-300)).sum(), len(p)], dtype=np.float64)
