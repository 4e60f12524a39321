from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.data.records import Target
from bpcli.metrics._confusion import Floats, PerClass, f1_score
from bpcli.spec.base import Example


class F1Macro(PerClass):
    """The mean F1 of the classes, each weighing alike: short for {type: f1, average: macro}."""

    type: Literal["f1_macro"] = "f1_macro"
    examples: ClassVar = (Example({}),)

    def score(self, hits: Floats, predicted: Floats, actual: Floats) -> Floats:
        return f1_score(hits, predicted, actual)

    def value(self, sums: Floats, target: Target) -> Any:
        return self.mean(sums, target, "macro")
