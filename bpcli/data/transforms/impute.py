"""Fills what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from bpcli.data.cells import CellError, TextError, missing
from bpcli.data.records import Column
from bpcli.data.transforms._columns import chosen
from bpcli.data.transforms.base import Fitted, Transform
from bpcli.spec.base import Example, Many


class Impute(Transform):
    """x where x is present, else a value learnt from the training part.

    mean and median are for numbers; most_frequent (the smallest, where several are equally frequent) for
    numbers and text; constant fills in `value`. Without `columns`: all columns that the strategy can fill.
    """

    type: Literal["impute"] = "impute"
    columns: Many[str] | None = Field(None, description="default: all that the strategy can fill")
    strategy: Literal["mean", "median", "most_frequent", "constant"] = "mean"
    value: float | str | None = Field(None, description="what strategy: constant fills in")

    examples: ClassVar = (
        Example({}),
        Example({"strategy": "median"}),
        Example({"strategy": "most_frequent"}),
        Example({"strategy": "constant", "value": 0.0}),
    )

    @model_validator(mode="after")
    def _value_with_constant(self) -> Self:
        if (self.strategy == "constant") != (self.value is not None):
            raise PydanticCustomError(
                "impute",
                "value goes with strategy: constant, and strategy: constant with value",
                {"hint": "{type: impute, strategy: constant, value: 0}"},
            )
        return self

    def _kinds(self) -> tuple[str, ...]:
        if self.strategy == "most_frequent":
            return "number", "text"
        return ("text",) if isinstance(self.value, str) else ("number",)

    def fit(self, columns: Sequence[Column]) -> Fitted:
        fitted: Fitted = {}
        for column in chosen(columns, self.columns, self._kinds()):
            if column.kind not in self._kinds():
                if column.kind == "text":
                    raise TextError(column)
                what = "text" if isinstance(self.value, str) else "anything"
                raise CellError(
                    column.name,
                    np.arange(0),
                    f"is a column of kind {column.kind}, not to be filled with {what}",
                )
            fitted[column.name] = self._learn(column)
        return fitted

    def _learn(self, column: Column) -> Any:
        if self.strategy == "constant":
            return self.value
        present = column.values[~missing(column)]
        if not len(present):
            raise CellError(
                column.name,
                np.arange(len(column.values)),
                "is missing in all training rows",
                f"leave it out with drop: [{column.name}], or use strategy: constant",
            )
        if self.strategy in ("mean", "median"):
            with np.errstate(over="ignore"):
                middle = float(np.mean(present) if self.strategy == "mean" else np.median(present))
            if not np.isfinite(middle):
                raise CellError(
                    column.name, np.arange(0), f"holds numbers too large for their {self.strategy}"
                )
            return middle
        counts = Counter(present.tolist())
        most = max(counts.values())
        return min(value for value, count in counts.items() if count == most)

    def apply(self, columns: Sequence[Column], fitted: Fitted) -> list[Column]:
        made: list[Column] = []
        for column in columns:
            gaps = missing(column) if column.name in fitted else None
            if gaps is not None and gaps.any():
                values = column.values.copy()
                values[gaps] = fitted[column.name]
                column = replace(column, values=values)
            made.append(column)
        return made
