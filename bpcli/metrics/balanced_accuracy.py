from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.data.records import Target
from bpcli.metrics._confusion import Floats, PerClass, ratio
from bpcli.spec.base import Example


class BalancedAccuracy(PerClass):
    """The mean of tp / (tp + fn) over the classes that occur: accuracy as if all were equally frequent.

    A net that always names one of k classes has 1/k.
    Source: Brodersen, Ong, Stephan and Buhmann, 2010.
    """

    type: Literal["balanced_accuracy"] = "balanced_accuracy"
    targets: ClassVar[tuple[str, ...]] = ("classes",)
    examples: ClassVar = (Example({}),)

    def score(self, hits: Floats, predicted: Floats, actual: Floats) -> Floats:
        return ratio(hits, actual)

    def value(self, sums: Floats, target: Target) -> Any:
        occurs = sums[2] > 0
        return float(self.score(*sums)[occurs].mean()) if occurs.any() else float("nan")
