from __future__ import annotations

from math import sqrt
from typing import ClassVar, Literal

from bpcli.data.records import Target
from bpcli.metrics._agreement import Agreement
from bpcli.metrics._confusion import Floats
from bpcli.spec.base import Example


class Mcc(Agreement):
    """(c n - Σ pₖ tₖ) / √((n² - Σ pₖ²) (n² - Σ tₖ²)): Matthews' correlation coefficient.

    c of n rows are right; pₖ were taken for class k, tₖ belong to it. 1 is perfect, 0 no better than chance,
    also where only one class occurs or is predicted (as in scikit-learn).
    Source: Matthews, 1975; several classes: Gorodkin, 2004.
    """

    type: Literal["mcc"] = "mcc"
    aliases: ClassVar = ("matthews_corrcoef",)
    examples: ClassVar = (Example({}),)

    def value(self, sums: Floats, target: Target) -> float:
        n, actual, predicted = sums.sum(), sums.sum(axis=1), sums.sum(axis=0)
        if not n:
            return float("nan")
        spread = float((n * n - predicted @ predicted) * (n * n - actual @ actual))
        return float(sums.trace() * n - predicted @ actual) / sqrt(spread) if spread else 0.0
