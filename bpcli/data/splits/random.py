"""Rows drawn at random."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from bpcli.core.rng import generator
from bpcli.data.records import Records
from bpcli.data.splits._shares import ShareSplit, apportion
from bpcli.data.splits.base import Parts
from bpcli.spec.base import Example


class Random(ShareSplit):
    """Each part is a random sample of the rows, its size the share rounded by largest remainder.

    The draw depends on the number of rows and the seed alone; within a part rows keep the file's order.
    """

    type: Literal["random"] = "random"

    examples: ClassVar = (Example({}), Example({"train": 0.7, "val": 0.0, "test": 0.3, "seed": 7}))

    def parts(self, records: Records, seed: int) -> Parts:
        rows = len(records)
        order = generator(seed if self.seed is None else self.seed, "split").permutation(rows)
        cuts = np.cumsum(apportion(rows, self.shares))[:3]
        train, val, test = np.split(order, cuts)[:3]
        return Parts(np.sort(train), np.sort(val), np.sort(test))
