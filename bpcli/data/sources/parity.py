from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from bpcli.data.records import Column
from bpcli.data.sources._synthetic import Distinct, Length, distinct_words, words_possible
from bpcli.spec.base import Example


class Parity(Distinct):
    """Whether the number of ones in a string of bits is odd: y = Σ b_t mod 2, a class.

    x is one array `bits` (n, steps, 1) of 0 and 1, y the column `parity`, 0 even and 1 odd. Each bit matters
    as much as any other, and none says anything by itself: no net that looks at a part of them is better than
    chance. No string comes twice, so none is in two parts of a split; the default split takes the rows as
    they come.
    Source: Minsky and Papert, 1969; as a task for recurrent nets: Hochreiter and Schmidhuber, 1997.
    """

    type: Literal["parity"] = "parity"
    steps: Length = Field(default=20, description="bits of a string")

    grows_with: ClassVar[str] = "steps"
    examples: ClassVar = (Example({}), Example({"rows": 64, "steps": 6, "seed": 1}))

    @property
    def cells(self) -> int:
        return self.rows * self.steps

    @property
    def possible(self) -> int:
        return words_possible(2, self.steps)

    def draw(self, rng: np.random.Generator) -> tuple[Column, Column]:
        bits = distinct_words(rng, 2, self.steps, self.rows)
        odd = bits.sum(axis=1) % 2
        x = bits[:, :, None].astype(np.float32)
        return Column("bits", "array", x), Column("parity", "number", odd.astype(np.float64))
