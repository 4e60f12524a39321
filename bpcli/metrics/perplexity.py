from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.data.records import Target
from bpcli.errors import ConfigError
from bpcli.losses.base import Loss
from bpcli.metrics._prediction import Prediction
from bpcli.metrics.base import Metric
from bpcli.spec.base import Example


class Perplexity(Metric):
    """exp(-1/n Σ log p(true class)): among how many equally likely classes the net seems to choose.

    1 is perfect, the number of classes is a uniform guess. Probabilities are taken in float64, and none as
    less than 1e-300.
    Source: Jelinek et al., 1977.
    """

    type: Literal["perplexity"] = "perplexity"
    higher_is_better: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("classes",)
    examples: ClassVar = (Example({}),)

    def check(self, target: Target, loss: Loss) -> None:
        if not loss.gives_probabilities:
            raise ConfigError(
                f"perplexity needs probabilities, and {loss.type} gives none",
                path="metrics",
                hint="use cross_entropy as the loss, or leave perplexity out",
            )

    def sums(self, prediction: Prediction, target: Target) -> NDArray[np.float64]:
        self.check(target, prediction.loss)
        p = np.take_along_axis(prediction.exact_probabilities, prediction.y[:, None], axis=1)
        return np.array([-np.log(np.maximum(p, 1e-300)).sum(), len(p)], dtype=np.float64)

    def value(self, sums: NDArray[np.float64], target: Target) -> float:
        return float(np.exp(sums[0] / sums[1])) if sums[1] else float("nan")
