from __future__ import annotations

from string import ascii_lowercase
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from bpcli.data.records import Column
from bpcli.data.sources._synthetic import Distinct, Length, distinct_words, words_possible
from bpcli.spec.base import Example

_BLANK, _NOW = "_", ":"


class Copy(Distinct):
    """Remembers `length` symbols over `delay` steps, and then says them again: a class for each step.

    x is `shown` (n, delay + 2·length): the symbols, blanks `_` with the sign `:` as the last of the delay's
    steps, and as many blanks as there were symbols. y is `said`, of the same length: blanks up to the sign
    and at it, and then the symbols in their order. Who remembers nothing can still say the blanks, and is
    left with a cross-entropy of length·ln(symbols) / (delay + 2·length), which a net has to get below.

        x   c a b _ _ : _ _ _
        y   _ _ _ _ _ _ c a b        length 3, delay 3

    No row comes twice, so none is in two parts of a split; the default split takes the rows as they come.
    Source: Hochreiter and Schmidhuber, 1997; in this form Arjovsky, Shah and Bengio, 2016, who have 8 symbols
    and a length of 10.
    """

    type: Literal["copy"] = "copy"
    symbols: Annotated[int, Field(ge=2, le=26)] = Field(default=8, description="how many different ones")
    length: Length = Field(default=10, description="symbols to be remembered")
    delay: Length = Field(
        default=100, description="steps between the last symbol shown and the first one said"
    )

    examples: ClassVar = (
        Example({}),
        Example({"rows": 20, "symbols": 3, "length": 4, "delay": 1, "seed": 2}),
    )

    @property
    def cells(self) -> int:
        return 2 * self.rows * (self.delay + 2 * self.length)

    @property
    def possible(self) -> int:
        return words_possible(self.symbols, self.length)

    def draw(self, rng: np.random.Generator) -> tuple[Column, Column]:
        names = (_BLANK, _NOW, *ascii_lowercase[: self.symbols])
        words = distinct_words(rng, self.symbols, self.length, self.rows) + 2
        x = np.zeros((self.rows, self.delay + 2 * self.length), dtype=np.int32)
        y = np.zeros_like(x)
        x[:, : self.length] = words
        x[:, self.length + self.delay - 1] = 1
        y[:, -self.length :] = words
        return Column("shown", "sequence", x, symbols=names), Column("said", "sequence", y, symbols=names)
