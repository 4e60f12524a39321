from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.data.records import Target
from bpcli.metrics._likelihood import Likelihood
from bpcli.spec.base import Example


class LogLoss(Likelihood):
    """-1/n Σ log p(true class), each row counting once: cross-entropy, whatever the loss in training is.

    The logarithm of `perplexity`. Probabilities are taken in float64, and none as less than 1e-300.
    Source: Good, 1952.
    """

    type: Literal["log_loss"] = "log_loss"
    examples: ClassVar = (Example({}),)

    def value(self, sums: NDArray[np.float64], target: Target) -> float:
        return float(sums[0] / sums[1]) if sums[1] else float("nan")
