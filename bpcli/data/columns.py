"""Matches a file's columns to those the net knows, and stacks prepared columns into the net's input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpcli.data.cells import CellError, TextError, is_number, label_of, listed, missing, rows_named
from bpcli.data.records import Column, Records
from bpcli.errors import DataError, Problem, closest


@dataclass(frozen=True, slots=True)
class Feature:
    """A column that the net needs: its name, its kind, and the shape of one cell (() unless an array)."""

    name: str
    kind: str
    shape: tuple[int, ...] = ()


def match(features: Sequence[Feature], records: Records) -> list[Column]:
    """The records' columns in the features' order; the file's own order and further columns do not count.

    DataError for an absent column, a text cell where training had numbers, an array of another shape.
    """
    known = {column.name: column for column in records.features}
    absent = [feature.name for feature in features if feature.name not in known]
    if absent:
        near = closest(absent[0], [name for name in known if name not in {f.name for f in features}])
        word = "column" if len(absent) == 1 else "columns"
        raise DataError(
            f"the model needs the {word} {listed([repr(name) for name in absent])}",
            file=records.file,
            hint=f"is it '{near}' here?" if near else f"the file has {listed(list(known), 12)}",
        )
    return [_as_kind(known[feature.name], feature, records) for feature in features]


def _as_kind(column: Column, feature: Feature, records: Records) -> Column:
    if column.kind == feature.kind == "sequence":
        return column  # of any length
    if column.kind == feature.kind:
        if column.values.shape[1:] != feature.shape:
            raise DataError(
                f"'{column.name}' has the shape {column.values.shape[1:]} in each row; "
                f"the model was trained on {feature.shape}",
                file=records.file,
            )
        return column
    if (column.kind, feature.kind) == ("number", "text"):
        return as_text(column)
    if (column.kind, feature.kind) == ("text", "number"):
        odd = _not_numbers(column)
        if len(odd):
            raise _odd_cells(column, odd, records, None)
        numbers = np.array([np.nan if cell is None else float(cell) for cell in column.values], dtype=float)
        return Column(column.name, "number", numbers)
    raise DataError(
        f"'{column.name}' is a column of kind {column.kind}; the model was trained on {feature.kind}",
        file=records.file,
    )


def as_text(column: Column) -> Column:
    """A column of numbers as text, as its cells are written; any other as it is."""
    if column.kind != "number":
        return column
    if column.written is not None:
        return Column(column.name, "text", column.written)
    values = np.empty(len(column.values), dtype=object)
    values[:] = [None if np.isnan(value) else label_of(value) for value in column.values]
    return Column(column.name, "text", values)


def assembled(columns: Sequence[Column], records: Records) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """(names, shape of one row) of the input that these columns make; DataError where they make none."""
    if not columns:
        raise DataError("no feature is left after preprocessing", file=records.file)
    for column in columns:
        if column.kind == "text":
            raise TextError(column)
    arrays = [column for column in columns if column.kind in ("array", "symbols")]
    if not arrays:
        return tuple(column.name for column in columns), (len(columns),)
    if len(columns) > 1:
        raise DataError(
            f"'{arrays[0].name}' is an array, which cannot stand beside other columns "
            f"({listed([repr(column.name) for column in columns if column is not arrays[0]], 5)})",
            file=records.file,
            hint="keep one array column, or number columns only",
        )
    return (arrays[0].name,), arrays[0].values.shape[1:]


#: Numbers of x that are filled at a time, so that they stay in a core's cache.
_NEAR = 1 << 17


def fill(x: NDArray[Any], columns: Sequence[Column]) -> None:
    """Writes prepared columns into x (n, *shape). CellError where a number is missing or too large for x."""
    with np.errstate(over="ignore", invalid="ignore"):
        if columns[0].kind in ("array", "symbols"):
            x[...] = columns[0].values
        else:
            # Some rows at a time: a column alone would touch every line of memory that x has.
            size = max(1, _NEAR // len(columns))
            for start in range(0, len(x), size):
                rows = slice(start, start + size)
                for index, column in enumerate(columns):
                    x[rows, index] = column.values[rows]
    if np.isfinite(x).all():
        return
    for index, column in enumerate(columns):
        gaps = np.flatnonzero(missing(column))
        if len(gaps):
            raise CellError(
                column.name,
                gaps,
                "is missing",
                f"fill it in, put {{type: impute, columns: [{column.name}]}} under data.preprocess, "
                "or remove these rows",
            )
        cells = x if column.kind in ("array", "symbols") else x[:, index]
        beyond = np.flatnonzero(~np.isfinite(cells.reshape(len(x), -1)).all(axis=1))
        if len(beyond):
            raise CellError(
                column.name,
                beyond,
                f"holds a number too large for {x.dtype.name}",
                "put {type: standardize} under data.preprocess",
            )


@contextmanager
def placed(records: Records, start: int = 0, path: str | None = None) -> Iterator[None]:
    """Gives errors about cells of `records` (from row `start` on) their file, rows and key in the config."""
    try:
        yield
    except CellError as error:
        rows = records.rows[start:][error.where]
        where = f" in {rows_named(rows, records.row_word)}" if len(rows) else ""
        raise DataError(
            f"column '{error.column}' {error.message}{where}",
            file=records.file,
            line=int(rows[0]) if len(rows) and records.row_word == "line" else None,
            path=path,
            hint=error.hint,
        ) from None
    except TextError as error:
        known = {column.name: column for column in records.features}
        raise _text(known.get(error.column.name, error.column), records, path) from None
    except DataError as error:
        if path is None or any(problem.file or problem.path for problem in error.problems):
            raise
        raise DataError(
            Problem(problem.message, records.file, path=path, hint=problem.hint, code=problem.code)
            for problem in error.problems
        ) from None


def _not_numbers(column: Column) -> NDArray[np.int64]:
    return np.array(
        [row for row, cell in enumerate(column.values) if cell is not None and not is_number(cell)],
        dtype=np.int64,
    )


def _text(column: Column, records: Records, path: str | None) -> DataError:
    """A text column where numbers are needed: either a few odd cells are the reason, or it is text indeed."""
    odd = _not_numbers(column)
    present = int((~missing(column)).sum())
    if len(odd) * 2 < present:
        return _odd_cells(column, odd, records, path)
    return DataError(
        f"column '{column.name}' is text",
        file=records.file,
        path=path,
        hint=f"put {{type: one_hot, columns: [{column.name}]}} before it under data.preprocess, "
        f"or leave it out with drop: [{column.name}]"
        if path
        else f"put {{type: one_hot, columns: [{column.name}]}} under data.preprocess, "
        f"or leave it out with drop: [{column.name}]",
    )


def _odd_cells(column: Column, odd: NDArray[np.int64], records: Records, path: str | None) -> DataError:
    first = column.values[odd[0]]
    cells = listed([repr(cell) for cell in dict.fromkeys(column.values[odd].tolist())], 5)
    header = records.row_word == "line" and records.rows[odd[0]] == 1 and len(odd) == 1
    return DataError(
        f"column '{column.name}' holds {cells} instead of a number in "
        f"{rows_named(records.rows[odd], records.row_word)}",
        file=records.file,
        line=int(records.rows[odd[0]]) if records.row_word == "line" else None,
        path=path,
        hint="if the first line holds the names of the columns, set header: true"
        if header
        else f"correct it, or if it stands for a missing value add {first!r} to missing",
    )
