from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bpcli.data.records import Column
from bpcli.data.sources._synthetic import Distinct, distinct
from bpcli.spec.base import Example

Ints = NDArray[np.int64]


class Addition(Distinct):
    """Sums as text: 12+7 -> 19.

    x is `question` and y `answer`, both sequences of symbols, as long as the numbers are: nothing is filled
    up. Both operands have up to `digits` digits. Every pair of operands, whatever their order, is drawn at
    most once, each in a random order: so no two parts of a split share a pair, 7+12 in one and 12+7 in the
    other included. Of two digits there are 5,050 pairs. With `reverse` a question is read from its end, 7+21,
    which brings its first digits nearer to the answer. The default split takes the rows as they come.
    Source: Zaremba and Sutskever, 2014: "Learning to execute"; the addition example of Keras.
    """

    type: Literal["addition"] = "addition"
    rows: Annotated[int, Field(ge=1, le=100_000_000)] = Field(
        default=5000, description="how many to draw, for all parts together"
    )
    digits: Annotated[int, Field(ge=1, le=9)] = Field(default=2, description="of the largest operands")
    reverse: bool = Field(default=False, description="whether questions are written from their end")

    grows_with: ClassVar[str] = "digits"
    examples: ClassVar = (Example({}), Example({"rows": 55, "digits": 1, "reverse": True, "seed": 1}))

    @property
    def cells(self) -> int:
        return self.rows * (3 * self.digits + 2)

    @property
    def possible(self) -> int:
        return 10**self.digits * (10**self.digits + 1) // 2

    def draw(self, rng: np.random.Generator) -> tuple[Column, Column]:
        a, b = self._pairs(distinct(rng, self.possible, self.rows))
        swapped = rng.random(self.rows) < 0.5
        a, b = np.where(swapped, b, a), np.where(swapped, a, b)
        plus = np.full((self.rows, 1), 10)
        question = np.concatenate([written(a, self.digits), plus, written(b, self.digits)], axis=1)
        if self.reverse:
            question = question[:, ::-1]
        digits = tuple("0123456789")
        return (
            Column("question", "sequence", together(question), symbols=(*digits, "+")),
            Column("answer", "sequence", together(written(a + b, self.digits + 1)), symbols=digits),
        )

    def _pairs(self, numbers: Ints) -> tuple[Ints, Ints]:
        """The pairs a ≤ b of these numbers, one for each number below `possible`.

        The triangle of pairs, its lower half turned round and put beside the upper one, is a rectangle with
        sides N/2 and N + 1.
        """
        n = 10**self.digits
        row, column = np.divmod(numbers, n + 1)
        upper = column > row
        return np.where(upper, row, n - 1 - row), np.where(upper, column - 1, n - 1 - column)


def written(numbers: Ints, width: int) -> Ints:
    """The digits (n, width), the last one at the right, -1 for zeros in front of the first."""
    places = 10 ** np.arange(width - 1, -1, -1)
    digits = numbers[:, None] // places % 10
    leading = (numbers[:, None] < places) & (places > 1)
    return np.where(leading, -1, digits)


def together(symbols: Ints) -> NDArray[np.int32]:
    """The same rows without the gaps between their symbols: all -1 are behind the end."""
    order = np.argsort(symbols < 0, axis=1, kind="stable")
    return np.take_along_axis(symbols, order, axis=1).astype(np.int32)
