"""Rows in their order: first training, then validation, then test."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeInt

from bpcli.data.records import Records
from bpcli.data.splits._shares import ShareSplit, apportion
from bpcli.data.splits.base import Parts
from bpcli.spec.base import Example


class Chronological(ShareSplit):
    """The first rows are for training, the next for validation, the last for test: none knows the future.

    The default for text and time series. Rows that are windows over a series go by what they predict: the
    series' steps are divided by the shares, and a window whose predicted steps lie in two parts is in none.
    `gap` steps (rows, where they are no windows) before validation and before test are in no part either.
    """

    type: Literal["chronological"] = "chronological"
    gap: NonNegativeInt = Field(default=0, description="steps left out between two parts")

    examples: ClassVar = (Example({}), Example({"train": 0.9, "val": 0.1, "test": 0.0, "gap": 2}))

    def parts(self, records: Records, seed: int) -> Parts:
        rows = np.arange(len(records))
        first, last = (rows, rows) if records.spans is None else records.spans.T
        steps = int(last.max(initial=-1)) + 1  # of the whole series, those before the first window too
        cuts = np.cumsum([0, *apportion(steps, self.shares)[:3]]).tolist()
        found = [
            rows[(first >= low + (self.gap if low else 0)) & (last < high)] for low, high in pairwise(cuts)
        ]
        return Parts(*(part.astype(np.int64) for part in found))
