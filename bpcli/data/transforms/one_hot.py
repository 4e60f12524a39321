"""A category to a 0/1 column each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveInt

from bpcli.data.cells import CellError, TextError, counted, is_number, label_of, missing
from bpcli.data.records import Column
from bpcli.data.transforms._columns import chosen
from bpcli.data.transforms.base import Fitted, Transform
from bpcli.spec.base import Example, Many


class OneHot(Transform):
    """y_k = 1 if x is category k, else 0; the categories are those of the training part, in order.

    Column c becomes the columns c=a, c=b, … in its place. Number columns are taken only where named.
    """

    type: Literal["one_hot"] = "one_hot"
    columns: Many[str] | None = Field(None, description="default: all text columns")
    unknown: Literal["error", "ignore"] = Field(
        "error", description="a category that training did not show: an error, or all zeros"
    )
    max_categories: PositiveInt = Field(1000, description="more than these in one column are an error")

    examples: ClassVar = (Example({}), Example({"columns": ["colour"], "unknown": "ignore"}))

    def fit(self, columns: Sequence[Column]) -> Fitted:
        fitted: Fitted = {}
        for column in chosen(columns, self.columns, ("text",)):
            _usable(column)
            if self.columns is None and _mostly_numbers(column):
                raise TextError(column)
            # Numbers sort as numbers, text as text; a column holds only one of them.
            categories: list[Any] = sorted(set(column.values.tolist()))
            if len(categories) > self.max_categories:
                raise CellError(
                    column.name,
                    np.arange(0),
                    f"has {counted(len(categories), 'category').replace('ys', 'ies')}, "
                    f"more than max_categories: {self.max_categories}",
                    f"leave it out with drop: [{column.name}]",
                )
            fitted[column.name] = categories
        return fitted

    def apply(self, columns: Sequence[Column], fitted: Fitted) -> list[Column]:
        made: list[Column] = []
        for column in columns:
            if column.name in fitted:
                made += self._encode(column, fitted[column.name])
            else:
                made.append(column)
        return made

    def _encode(self, column: Column, categories: list[Any]) -> list[Column]:
        _usable(column)
        place = {category: index for index, category in enumerate(categories)}
        codes = np.array([place.get(cell, -1) for cell in column.values.tolist()], dtype=np.int64)
        strange = np.flatnonzero(codes < 0)
        if len(strange) and self.unknown == "error":
            cell = label_of(column.values[strange[0]])
            same = np.flatnonzero(column.values == column.values[strange[0]])
            raise CellError(
                column.name, same, f"has the category {cell!r}, which training did not show",
                "set unknown: ignore on one_hot to read such as none of the known ones",
            )  # fmt: skip
        return [
            Column(f"{column.name}={label_of(category)}", "number", (codes == index).astype(np.float64))
            for index, category in enumerate(categories)
        ]


def _usable(column: Column) -> None:
    if column.kind == "array":
        raise CellError(column.name, np.arange(0), "is an array, which one_hot cannot take")
    gaps = np.flatnonzero(missing(column))
    if len(gaps):
        raise CellError(
            column.name, gaps, "is missing",
            "put {type: impute, strategy: most_frequent} before one_hot, "
            'or {type: impute, strategy: constant, value: none}',
        )  # fmt: skip


def _mostly_numbers(column: Column) -> bool:
    """Whether a text column is rather a number column with some odd cells, and so not meant as categories."""
    cells = [cell for cell in column.values if cell is not None]
    return sum(map(is_number, cells)) * 2 > len(cells)
