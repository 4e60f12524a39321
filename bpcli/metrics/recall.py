from __future__ import annotations

from typing import ClassVar, Literal

from bpcli.metrics._confusion import Averaged, Floats, ratio
from bpcli.spec.base import Example


class Recall(Averaged):
    """tp / (tp + fn): how many of those that belong to a class were found; also known as sensitivity.

    `average`: `macro` (plain mean over the classes that occur or are predicted), `weighted` (by how often
    they occur), `micro` (from the counts of all classes), `none` (a list in the order of the labels), or
    `auto`: the second label's where there are two classes, else macro. `positive`: one label's instead.
    A class that does not occur has recall 0.
    """

    type: Literal["recall"] = "recall"
    examples: ClassVar = (Example({}), Example({"average": "micro"}), Example({"average": "none"}))

    def score(self, hits: Floats, predicted: Floats, actual: Floats) -> Floats:
        return ratio(hits, actual)
