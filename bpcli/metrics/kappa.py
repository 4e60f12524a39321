from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from bpcli.data.records import Target
from bpcli.metrics._agreement import Agreement
from bpcli.metrics._confusion import Floats
from bpcli.spec.base import Example


class Kappa(Agreement):
    """1 - Σ w o / Σ w e: Cohen's agreement, where o are the counts and e those that chance would give.

    `weights` says how much it costs to take class i for class j, in the order of the labels: `none` 1 unless
    they are the same, `linear` |i - j|, `quadratic` (i - j)² (for labels that are an order, such as grades).
    1 is perfect, 0 no better than chance; undefined (null) where only one class occurs and is predicted.
    Source: Cohen, 1960 and 1968.
    """

    type: Literal["kappa"] = "kappa"
    weights: Literal["none", "linear", "quadratic"] = "none"

    aliases: ClassVar = ("cohen_kappa",)
    examples: ClassVar = (Example({}), Example({"weights": "linear"}), Example({"weights": "quadratic"}))

    def label(self) -> str:
        return "kappa" if self.weights == "none" else f"kappa_{self.weights}"

    def value(self, sums: Floats, target: Target) -> float:
        if not sums.any():
            return float("nan")
        labels = np.arange(len(sums))
        apart = np.abs(labels[:, None] - labels)
        cost = {"none": apart > 0, "linear": apart, "quadratic": apart**2}[self.weights]
        chance = float((cost * np.outer(sums.sum(axis=1), sums.sum(axis=0))).sum() / sums.sum())
        return 1 - float((cost * sums).sum()) / chance if chance else float("nan")
