"""What standardize and min_max have in common: y = (x - offset) / scale · gain + base, column by column."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bpcli.data.cells import CellError, TextError
from bpcli.data.records import Column
from bpcli.data.transforms._columns import chosen
from bpcli.data.transforms.base import Fitted, Transform
from bpcli.spec.base import Many

_CHUNK = 1 << 20


class Affine(Transform):
    """Number and array columns to a common scale, in float64. Fitted: offset and scale of each column."""

    columns: Many[str] | None = Field(None, description="default: all number and array columns")
    per: Literal["all", "channel", "element"] = Field(
        "all",
        description="an array column's statistics: over all its elements, for each place on the last axis "
        "(an image's channels), or for each position",
    )

    @abstractmethod
    def learn(self, values: NDArray[Any], axis: int | None) -> tuple[Any, Any]:
        """(offset, scale) over the values that are not NaN; scale 0 where they are constant.

        `axis` is None for one pair, 0 for a pair per element.
        """

    def onto(self) -> tuple[float, float]:
        """(gain, base) of the scale that (x - offset) / scale is mapped to."""
        return 1.0, 0.0

    def fit(self, columns: Sequence[Column]) -> Fitted:
        fitted: Fitted = {}
        for column in chosen(columns, self.columns, ("number", "array")):
            if column.kind == "text":
                raise TextError(column)
            if column.kind == "number" and np.isnan(column.values).all():
                raise CellError(
                    column.name,
                    np.arange(len(column.values)),
                    "is missing in all training rows",
                    f"leave it out with drop: [{column.name}]",
                )
            axis = 0 if self.per != "all" and column.kind == "array" else None
            values = column.values
            if axis == 0 and self.per == "channel":
                values = values.reshape(-1, values.shape[-1])
            with np.errstate(over="ignore", invalid="ignore"):
                offset, scale = self.learn(values, axis)
            if not (np.isfinite(offset).all() and np.isfinite(scale).all()):
                raise CellError(
                    column.name,
                    np.arange(0),
                    f"holds numbers too large to {self.type}",
                    "divide them by a constant first",
                )
            fitted[column.name] = {
                "offset": np.asarray(offset, dtype=np.float64).tolist(),
                "scale": np.where(np.asarray(scale) == 0, 1.0, scale).tolist(),
            }
        return fitted

    def apply(self, columns: Sequence[Column], fitted: Fitted) -> list[Column]:
        gain, base = self.onto()

        def forward(x: NDArray[Any], offset: NDArray[Any], scale: NDArray[Any]) -> NDArray[Any]:
            y = (x - offset) / scale
            return y if (gain, base) == (1.0, 0.0) else y * gain + base

        return _map(columns, fitted, forward)

    def invert(self, columns: Sequence[Column], fitted: Fitted) -> list[Column]:
        gain, base = self.onto()

        def backward(y: NDArray[Any], offset: NDArray[Any], scale: NDArray[Any]) -> NDArray[Any]:
            return (y - base) / gain * scale + offset

        return _map(columns, fitted, backward)


def _map(columns: Sequence[Column], fitted: Fitted, function: Callable[..., NDArray[Any]]) -> list[Column]:
    return [
        replace(
            column,
            values=function(
                column.values.astype(np.float64),
                np.asarray(fitted[column.name]["offset"], dtype=np.float64),
                np.asarray(fitted[column.name]["scale"], dtype=np.float64),
            ),
        )
        if column.name in fitted
        else column
        for column in columns
    ]


def portions(values: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    """The rows in pieces of about a million elements, as float64: images are never all copied at once."""
    size = max(1, _CHUNK // max(1, values[0].size))
    for start in range(0, len(values), size):
        yield values[start : start + size].astype(np.float64)
