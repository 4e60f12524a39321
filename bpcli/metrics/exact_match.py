from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.data.records import Target
from bpcli.errors import ConfigError
from bpcli.metrics._prediction import Prediction
from bpcli.metrics.base import Metric
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.losses.base import Loss


class ExactMatch(Metric):
    """The share of rows that are right in every place that there is something to predict.

    Under teacher forcing it is that of greedy decoding too: until the first mistake both are given the same.
    """

    type: Literal["exact_match"] = "exact_match"
    targets: ClassVar[tuple[str, ...]] = ("classes",)
    examples: ClassVar = (Example({}),)

    def check(self, target: Target, loss: Loss) -> None:
        if not target.positions:
            raise ConfigError(
                "exact_match is for sequences, which have a class for each step", hint="use accuracy"
            )

    def sums(self, prediction: Prediction, target: Target) -> NDArray[np.float64]:
        owner = np.arange(len(prediction)) if prediction.owner is None else prediction.owner
        wrong = prediction.labels != prediction.y
        rows = np.unique(owner).size
        return np.array([rows - np.unique(owner[wrong]).size, rows], dtype=np.float64)

    def value(self, sums: NDArray[np.float64], target: Target) -> float:
        return float(sums[0] / sums[1]) if sums[1] else float("nan")
