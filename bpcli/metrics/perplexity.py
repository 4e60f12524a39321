from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.data.records import Target
from bpcli.metrics._likelihood import Likelihood
from bpcli.spec.base import Example


class Perplexity(Likelihood):
    """exp(-1/n Σ log p(true class)): among how many equally likely classes the net seems to choose.

    1 is perfect, the number of classes is a uniform guess. Probabilities are taken in float64, and none as
    less than 1e-300.
    Source: Jelinek et al., 1977.
    """

    type: Literal["perplexity"] = "perplexity"
    examples: ClassVar = (Example({}),)

    def value(self, sums: NDArray[np.float64], target: Target) -> float:
        return float(np.exp(sums[0] / sums[1])) if sums[1] else float("nan")
