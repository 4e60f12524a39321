from __future__ import annotations

from typing import ClassVar, Literal

from bpcli.metrics._confusion import Averaged, Floats, ratio
from bpcli.spec.base import Example


class Precision(Averaged):
    """tp / (tp + fp): how many of those that were taken for a class belong to it.

    `average`: `macro` (plain mean over the classes that occur or are predicted), `weighted` (by how often
    they occur), `micro` (from the counts of all classes), `none` (a list in the order of the labels), or
    `auto`: the second label's where there are two classes, else macro. `positive`: one label's instead.
    A class that was never predicted has precision 0.
    """

    type: Literal["precision"] = "precision"
    examples: ClassVar = (Example({}), Example({"average": "weighted"}), Example({"average": "none"}))

    def score(self, hits: Floats, predicted: Floats, actual: Floats) -> Floats:
        return ratio(hits, predicted)
