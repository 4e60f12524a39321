"""Symbols as the numbers that an embedding takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from bpcli.data.records import Column
from bpcli.data.transforms._columns import chosen
from bpcli.data.transforms.base import Fitted, Transform
from bpcli.data.vocabulary import learnt, numbered
from bpcli.spec.base import Example, Many


class Vocabulary(Transform):
    """Each symbol by its number: 0 behind the end of a row, 1 for one that is not known, then 2, 3, …

    The known ones are those of the training part, sorted, or the most frequent of them. A source or transform
    that gives sequences of symbols has one anyway, of all of them; this one sets its limits.
    """

    type: Literal["vocabulary"] = "vocabulary"
    columns: Many[str] | None = Field(None, description="default: all sequences of symbols")
    size: Annotated[int, Field(ge=3, le=10_000_000)] | None = Field(
        None, description="keep the most frequent, with the numbers 0 and 1 so many in all"
    )
    min_count: PositiveInt = Field(1, description="rarer symbols of the training part count as unknown")

    numbers_symbols: ClassVar[bool] = True
    examples: ClassVar = (Example({}), Example({"size": 1000, "min_count": 2}))

    def fit(self, columns: Sequence[Column]) -> Fitted:
        return {
            column.name: learnt(column.values, column.symbols, self.size, self.min_count)
            for column in chosen(columns, self.columns, ("sequence",))
            if column.kind == "sequence"
        }

    def apply(self, columns: Sequence[Column], fitted: Fitted) -> list[Column]:
        return [
            replace(
                column,
                kind="symbols",
                values=numbered(column.values, column.symbols, fitted[column.name]),
                symbols=tuple(fitted[column.name]),
            )
            if column.name in fitted
            else column
            for column in columns
        ]
