"""Rows assigned by a column of the file, or by their order in it."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from bpcli.data.cells import counted, label_of, missing, rows_named
from bpcli.data.records import Column, Records
from bpcli.data.splits.base import Parts, Split
from bpcli.errors import DataError, closest
from bpcli.spec.base import Example


class Fixed(Split):
    """The division that the data comes with.

    Either `column` names a column that holds train, val or test in each row (it is then no feature), or
    train, val and test count rows in the file's order: the first `train` rows, the next `val`, the next
    `test`. Rows beyond these counts are in no part.
    """

    type: Literal["fixed"] = "fixed"
    column: str | None = Field(None, description="the column that holds train, val or test")
    train: PositiveInt | None = Field(None, description="rows, from the first")
    val: NonNegativeInt = Field(0, description="rows after those of train")
    test: NonNegativeInt = Field(0, description="rows after those of val")

    examples: ClassVar = (Example({"column": "part"}), Example({"train": 100, "val": 25, "test": 25}))

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        by_count = self.train is not None
        if by_count == (self.column is not None) or ((self.val or self.test) and not by_count):
            raise PydanticCustomError(
                "fixed",
                "a fixed split needs either a column or counts of rows",
                {"hint": "{type: fixed, column: part}, or {type: fixed, train: 100, val: 20, test: 30}"},
            )
        return self

    def consumed(self) -> tuple[str, ...]:
        return () if self.column is None else (self.column,)

    def parts(self, records: Records, seed: int) -> Parts:
        if self.column is None:
            return self._by_count(records)
        column = next((column for column in records.features if column.name == self.column), None)
        if column is None or column.kind == "array":
            names = [column.name for column in records.features]
            near = closest(self.column, names)
            raise DataError(
                f"the split's column '{self.column}' is not among the features",
                file=records.file,
                hint=f"did you mean '{near}'?" if near else "it must be read, not dropped",
            )
        return self._by_column(column, records)

    def _by_count(self, records: Records) -> Parts:
        sizes = (self.train or 0, self.val, self.test)
        if sum(sizes) > len(records):
            raise DataError(
                f"the split asks for {counted(sum(sizes), 'row')}, the file has {len(records):,}",
                file=records.file,
            )
        ends = np.cumsum(sizes)
        train, val, test = (
            np.arange(end - size, end, dtype=np.int64) for end, size in zip(ends, sizes, strict=True)
        )
        return Parts(train, val, test)

    def _by_column(self, column: Column, records: Records) -> Parts:
        marks = column.values if column.kind == "text" else np.full(len(records), None, dtype=object)
        found = {name: np.flatnonzero(marks == name).astype(np.int64) for name in ("train", "val", "test")}
        known = np.concatenate(list(found.values()))
        if len(known) < len(records):
            other = np.setdiff1d(np.arange(len(records)), known)
            cell = column.values[other[0]]
            cell = "a missing value" if missing(column)[other[0]] else repr(label_of(cell))
            raise DataError(
                f"the split's column '{column.name}' holds {cell} in "
                f"{rows_named(records.rows[other], records.row_word)}",
                file=records.file,
                hint="it may hold train, val and test",
            )
        return Parts(found["train"], found["val"], found["test"])
