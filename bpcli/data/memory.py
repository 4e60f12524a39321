"""Rows that are already in memory, through a stored pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpcli.data.columns import Feature
from bpcli.data.pipeline import Pipeline
from bpcli.data.records import Column, Part, Records
from bpcli.errors import DataError, closest

_PLACE = "the given rows"
#: What data frames put where there is nothing, by the names of their types: they need not be installed.
_GAPS = frozenset({"NoneType", "NAType", "NaTType"})


def part_from_memory(pipeline: Pipeline, rows: Any, *, dtype: Any) -> Part:
    """A list of mappings (column -> value, None for missing), a data frame, or an array (n, ...).

    Mappings and data frames (anything with `columns` that gives a column by its name) go by names, and their
    other columns are ignored; an array has training's order. DataError for rows that lack a column, have
    another width, or hold a cell that is neither a number nor text.
    """
    if _is_frame(pipeline, rows):
        columns = _from_frame(pipeline, rows)
    elif _is_mappings(rows):
        columns = _from_mappings(pipeline, rows)
    else:
        columns = _from_array(pipeline, _array(rows))
    count = len(columns[0].values) if columns else 0
    records = Records(columns, [], None, np.arange(count), _PLACE, row_word="row")
    return Part(pipeline.apply(records, dtype), None, None, records.rows)


def _is_frame(pipeline: Pipeline, rows: Any) -> bool:
    """Whether rows have columns with names; where training had none, a frame that only counts is an array."""
    if not (hasattr(rows, "columns") and hasattr(rows, "__getitem__")) or isinstance(rows, Mapping):
        return False
    nameless = pipeline.width or _is_array(pipeline)
    return not nameless or any(isinstance(name, str) for name in rows.columns)


def _is_array(pipeline: Pipeline) -> bool:
    return len(pipeline.features) == 1 and pipeline.features[0].kind == "array"


def _is_mappings(rows: Any) -> bool:
    return isinstance(rows, Sequence) and all(isinstance(row, Mapping) for row in rows)


def _from_frame(pipeline: Pipeline, frame: Any) -> list[Column]:
    if _is_array(pipeline) and pipeline.features[0].name not in list(frame.columns):
        return _from_array(pipeline, _array(frame))
    by_name = {str(name): name for name in frame.columns}
    for feature in pipeline.features:
        if feature.name not in by_name:
            near = closest(feature.name, by_name)
            hint = f"is it '{near}' here?" if near else f"there are {', '.join(list(by_name)[:12])}"
            raise DataError(f"there is no column '{feature.name}'", file=_PLACE, hint=hint)
        if [str(name) for name in frame.columns].count(feature.name) > 1:
            raise DataError(f"there are several columns '{feature.name}'", file=_PLACE)
    return [_column(feature, list(frame[by_name[feature.name]])) for feature in pipeline.features]


def _from_mappings(pipeline: Pipeline, rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    for number, row in enumerate(rows):
        absent = [feature.name for feature in pipeline.features if feature.name not in row]
        if absent:
            raise DataError(f"row {number} has no {', '.join(map(repr, absent[:10]))}", file=_PLACE)
    return [_column(feature, [row[feature.name] for row in rows]) for feature in pipeline.features]


def _from_array(pipeline: Pipeline, array: NDArray[Any]) -> list[Column]:
    features = pipeline.features
    if _is_array(pipeline):
        return [_array_column(features[0].name, array)]
    if array.ndim != 2 or array.shape[1] != len(features):
        raise DataError(
            f"an array of shape {array.shape}; the model needs (n, {len(features)})",
            file=_PLACE,
            hint="one column for each of " + ", ".join(feature.name for feature in features[:12]),
        )
    return [_column(feature, array[:, i].tolist()) for i, feature in enumerate(features)]


def _array(rows: Any) -> NDArray[Any]:
    try:
        return np.asarray(rows)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"these rows make no array: {str(error).splitlines()[0]}", file=_PLACE) from None


def _array_column(name: str, array: NDArray[Any]) -> Column:
    if array.dtype.kind not in "buif" or not array.ndim:
        raise DataError(f"'{name}' is an array of {array.dtype.name}; numbers are needed", file=_PLACE)
    return Column(name, "array", array)


def _column(feature: Feature, cells: list[Any]) -> Column:
    """One column of the feature's kind; text where it holds any, so that the pipeline names the odd cells."""
    if feature.kind == "array":
        return _array_column(feature.name, _array(cells))
    known = [_cell(feature.name, row, cell) for row, cell in enumerate(cells)]
    if any(isinstance(cell, str) for cell in known):
        texts = np.empty(len(known), dtype=object)
        # A number among text is written as it was given: 3 stays 3, and True is True.
        texts[:] = [
            None if cell is None else cell if isinstance(cell, str) else str(given)
            for cell, given in zip(known, cells, strict=True)
        ]
        return Column(feature.name, "text", texts)
    numbers = [np.nan if cell is None else cell for cell in known]
    return Column(feature.name, "number", np.asarray(numbers, dtype=np.float64))


def _cell(name: str, row: int, cell: Any) -> float | str | None:
    """A cell as a number, text, or None where it is missing; true and false count as 1 and 0."""
    if isinstance(cell, str):
        return str(cell)
    if type(cell).__name__ in _GAPS:
        return None
    if isinstance(cell, (Real, Decimal, np.bool_)):
        try:
            number = float(cell)
        except (OverflowError, ValueError):
            raise DataError(
                f"row {row}: column '{name}' holds a number too large for a float64", file=_PLACE
            ) from None
        return None if number != number else number
    raise DataError(
        f"row {row}: column '{name}' holds a {type(cell).__name__}",
        file=_PLACE,
        hint="a cell is a number, text, or None where it is missing",
    )
