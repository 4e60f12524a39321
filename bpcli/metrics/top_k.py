from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from bpcli.data.records import Target
from bpcli.errors import ConfigError
from bpcli.losses.base import Loss
from bpcli.metrics._prediction import Prediction
from bpcli.metrics.base import Metric
from bpcli.spec.base import Example


class TopK(Metric):
    """The share of rows whose true class is among the k that the net ranks highest.

    Of classes that rank alike the earlier label comes first, so that top_1 is the accuracy. Reported as
    top_<k>.
    """

    type: Literal["top_k"] = "top_k"
    k: PositiveInt = 5

    targets: ClassVar[tuple[str, ...]] = ("classes",)
    aliases: ClassVar = ("top_k_accuracy",)
    examples: ClassVar = (Example({"k": 2}), Example({"k": 1}))

    def label(self) -> str:
        return f"top_{self.k}"

    def check(self, target: Target, loss: Loss) -> None:
        if self.k >= target.width:
            raise ConfigError(
                f"top_k: with {target.width} classes every row is right among the first {self.k}",
                path="metrics",
                hint=f"choose k below {target.width}",
            )

    def sums(self, prediction: Prediction, target: Target) -> NDArray[np.float64]:
        scores = prediction.outputs if prediction.outputs.shape[1] > 1 else prediction.probabilities
        true = prediction.y[:, None]
        own = np.take_along_axis(scores, true, axis=1)
        behind = (scores < own) | ((scores == own) & (np.arange(scores.shape[1]) >= true))
        ahead = scores.shape[1] - behind.sum(axis=1)  # NaN is behind nothing, so it is never right
        return np.array([(ahead < self.k).sum(), len(ahead)], dtype=np.float64)

    def value(self, sums: NDArray[np.float64], target: Target) -> float:
        return float(sums[0] / sums[1]) if sums[1] else float("nan")
