from __future__ import annotations

from typing import ClassVar, Literal

from bpcli.metrics._confusion import Averaged, Floats, f1_score
from bpcli.spec.base import Example


class F1(Averaged):
    """2 tp / (2 tp + fp + fn), the harmonic mean of precision and recall.

    `average`: `macro` (plain mean over the classes that occur or are predicted), `weighted` (by how often
    they occur), `micro` (from the counts of all classes), `none` (a list in the order of the labels), or
    `auto`: the second label's where there are two classes, else macro. `positive`: one label's instead.
    A class without a true positive has F1 0.
    Source: van Rijsbergen, 1979.
    """

    type: Literal["f1"] = "f1"
    examples: ClassVar = (Example({}), Example({"average": "macro"}), Example({"average": "none"}))

    def score(self, hits: Floats, predicted: Floats, actual: Floats) -> Floats:
        return f1_score(hits, predicted, actual)
