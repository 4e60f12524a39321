"""What a cell of text means: a number, a label, or nothing; and how an error names rows to the user."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bpcli.data.records import Column

#: Narrower than float(), which also takes nan, inf, 1_000 and the digits of other scripts.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

#: Whole numbers of at least this size are no longer told apart by a float64.
EXACT = 2.0**53

#: `task: auto` reads whole numbers as classes up to this many distinct ones.
MAX_AUTO_CLASSES = 20


class CellError(Exception):
    """Cells that cannot be used, found where their places are unknown; the pipeline adds file and rows.

    `where` holds positions among the rows at hand.
    """

    def __init__(self, column: str, where: NDArray[Any], message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.column = column
        self.where = where
        self.message = message
        self.hint = hint


class TextError(Exception):
    """A text column where numbers are needed; the pipeline says which cells are the reason."""

    def __init__(self, column: Column) -> None:
        super().__init__(column.name)
        self.column = column


def is_number(cell: str) -> bool:
    """Whether a stripped cell is written as a decimal number."""
    return _NUMBER.fullmatch(cell) is not None


def label_of(value: Any) -> str:
    """A class as it is shown: text as it is, 3.0 as "3", 2.5 as "2.5"."""
    if isinstance(value, str):
        return value
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)


def missing(column: Column) -> NDArray[np.bool_]:
    """Which cells of a column are missing (n,); never any in an array column."""
    if column.kind == "number":
        return np.isnan(column.values)
    if column.kind == "text":
        return np.array([cell is None for cell in column.values], dtype=bool)
    return np.zeros(len(column.values), dtype=bool)


def listed(items: Sequence[Any], limit: int = 10) -> str:
    """`3, 7 and 9`; beyond the limit `3, 7, …, and 15 more`."""
    words = [str(item) for item in items]
    if len(words) > limit:
        return f"{', '.join(words[:limit])} and {len(words) - limit} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def rows_named(rows: Sequence[Any] | NDArray[Any], word: str = "line") -> str:
    """`line 3`, or `lines 3, 7 and 9`: the first ten, and how many more."""
    return f"{word}{'s' if len(rows) != 1 else ''} {listed([int(row) for row in rows])}"


def counted(count: int, word: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def shown(path: Path) -> str:
    """A path as short as it can be understood: from the working directory where it lies below that."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
