from __future__ import annotations

from string import ascii_lowercase
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from bpcli.data.records import Column
from bpcli.data.sources._synthetic import Distinct, Length, distinct_words, words_possible
from bpcli.spec.base import Example


class Reverse(Distinct):
    """A word of random letters, and the same word from its end: abca -> acba.

    x is `question` and y `answer`, both sequences of symbols, as long as the word is, `shortest` to `length`
    letters. All lengths are equally frequent, as far as there are enough words of each. No word comes twice,
    so none is in two parts of a split (though its mirror image may be); the default split takes the rows as
    they come.
    Source: a usual first task for nets that write a sequence, as in Sutskever, Vinyals and Le, 2014, who give
    the source reversed.
    """

    type: Literal["reverse"] = "reverse"
    symbols: Annotated[int, Field(ge=2, le=26)] = Field(default=26, description="how many different letters")
    length: Length = Field(default=10, description="letters of the longest words")
    shortest: Length = Field(default=1, description="letters of the shortest words")

    examples: ClassVar = (
        Example({}),
        Example({"rows": 30, "symbols": 2, "length": 5, "shortest": 2, "seed": 3}),
    )

    @field_validator("shortest")
    @classmethod
    def _at_most_the_longest(cls, shortest: int, info: ValidationInfo) -> int:
        if shortest > (longest := info.data.get("length", shortest)):
            raise PydanticCustomError(
                "lengths",
                "the shortest words have {shortest} letters, and the longest {longest}",
                {"shortest": shortest, "longest": longest, "hint": "lower shortest, or raise length"},
            )
        return shortest

    @property
    def cells(self) -> int:
        return 2 * self.rows * self.length

    @property
    def possible(self) -> int:
        return sum(words_possible(self.symbols, size) for size in range(self.shortest, self.length + 1))

    def draw(self, rng: np.random.Generator) -> tuple[Column, Column]:
        names = tuple(ascii_lowercase[: self.symbols])
        x = np.full((self.rows, self.length), -1, dtype=np.int32)
        y, start = x.copy(), 0
        for size, count in self._counts():
            rows = slice(start, start + count)
            x[rows, :size] = distinct_words(rng, self.symbols, size, count)
            y[rows, :size] = x[rows, size - 1 :: -1]
            start += count
        order: NDArray[np.int64] = rng.permutation(self.rows)
        return (
            Column("question", "sequence", x[order], symbols=names),
            Column("answer", "sequence", y[order], symbols=names),
        )

    def _counts(self) -> list[tuple[int, int]]:
        """(length, rows of it): an equal share each, or all there are; what is left goes to longer ones."""
        left, found = self.rows, list[tuple[int, int]]()
        for size in range(self.shortest, self.length + 1):
            count = min(words_possible(self.symbols, size), left // (self.length + 1 - size))
            found.append((size, count))
            left -= count
        return found
