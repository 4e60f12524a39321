"""Rows that are already in memory, through a stored pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpcli.data.columns import Feature
from bpcli.data.pipeline import Pipeline
from bpcli.data.records import Column, Part, Records
from bpcli.errors import DataError

_PLACE = "the given rows"


def part_from_memory(pipeline: Pipeline, rows: Any, *, dtype: Any) -> Part:
    """A list of mappings (column -> value, None for missing), or an array (n, ...) in training's order.

    DataError for rows that lack a column or have another width; other columns are ignored.
    """
    columns = (
        _from_mappings(pipeline, rows) if _is_mappings(rows) else _from_array(pipeline, np.asarray(rows))
    )
    count = len(columns[0].values) if columns else 0
    records = Records(columns, [], None, np.arange(count), _PLACE, row_word="row")
    return Part(pipeline.apply(records, dtype), None, None, records.rows)


def _is_mappings(rows: Any) -> bool:
    return isinstance(rows, Sequence) and all(isinstance(row, Mapping) for row in rows)


def _from_mappings(pipeline: Pipeline, rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    for number, row in enumerate(rows):
        absent = [feature.name for feature in pipeline.features if feature.name not in row]
        if absent:
            raise DataError(f"row {number} has no {', '.join(map(repr, absent[:10]))}", file=_PLACE)
    return [_column(feature, [row[feature.name] for row in rows]) for feature in pipeline.features]


def _from_array(pipeline: Pipeline, array: NDArray[Any]) -> list[Column]:
    features = pipeline.features
    if len(features) == 1 and features[0].kind == "array":
        return [Column(features[0].name, "array", array)]
    if array.ndim != 2 or array.shape[1] != len(features):
        raise DataError(
            f"an array of shape {array.shape}; the model needs (n, {len(features)})",
            file=_PLACE,
            hint="one column for each of " + ", ".join(feature.name for feature in features[:12]),
        )
    return [_column(feature, array[:, i].tolist()) for i, feature in enumerate(features)]


def _column(feature: Feature, cells: list[Any]) -> Column:
    """One column of the feature's kind; text where it holds any, so that the pipeline names the odd cells."""
    if feature.kind == "array":
        return Column(feature.name, "array", np.asarray(cells))
    numeric = all(cell is None or isinstance(cell, (int, float, np.number)) for cell in cells)
    if numeric:
        numbers = [np.nan if cell is None else float(cell) for cell in cells]
        return Column(feature.name, "number", np.asarray(numbers, dtype=np.float64))
    texts = np.empty(len(cells), dtype=object)
    texts[:] = [None if cell is None else str(cell) for cell in cells]
    return Column(feature.name, "text", texts)
