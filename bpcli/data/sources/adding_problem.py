from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from bpcli.data.records import Column
from bpcli.data.sources._synthetic import SyntheticRows
from bpcli.spec.base import Example


class AddingProblem(SyntheticRows):
    """Σ of two marked numbers of a long sequence: y = v_i + v_j, which has to be remembered until the end.

    x is one array `sequence` (n, steps, 2): values drawn uniformly from 0..1, and marks, 1 at two steps, one
    drawn from the first half and one from the second, 0 at all others. y is the number `sum`. Who always says
    1 has a mean squared error of 1/6 = .167, and who sees the second number alone 1/12 = .083. The default
    split takes the rows as they come.

    This is the variant of Le et al. and of Arjovsky et al.; the first one had values from -1..1, marks of 1,
    0 and -1 (the ends), the first mark among the first ten steps, and the sum scaled to 0..1.
    Source: Hochreiter and Schmidhuber, 1997; Le, Jaitly and Hinton, 2015; Arjovsky, Shah and Bengio, 2016.
    """

    type: Literal["adding_problem"] = "adding_problem"
    steps: Annotated[int, Field(ge=2, le=100_000)] = Field(default=100, description="the sequence's length")

    examples: ClassVar = (Example({}), Example({"rows": 50, "steps": 7, "seed": 1}))

    @property
    def cells(self) -> int:
        return 2 * self.rows * self.steps

    def draw(self, rng: np.random.Generator) -> tuple[Column, Column]:
        every, half = np.arange(self.rows), self.steps // 2
        x = np.zeros((self.rows, self.steps, 2), dtype=np.float32)
        x[..., 0] = rng.random((self.rows, self.steps), dtype=np.float32)
        total = np.zeros(self.rows)
        for low, high in ((0, half), (half, self.steps)):
            marked = rng.integers(low, high, size=self.rows)
            x[every, marked, 1] = 1
            total += x[every, marked, 0]
        return Column("sequence", "array", x), Column("sum", "number", total)
