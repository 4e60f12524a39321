"""The net's input: one array of rows, or a tuple of them under the names of `data.inputs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from bpcli.data.cells import listed
from bpcli.data.records import Column
from bpcli.errors import DataError, closest

#: An input's name, and the columns that it is made of, in order.
Named = tuple[str, tuple[str, ...]]


def each(function: Callable[[Any], Any], x: Any) -> Any:
    """function(x); of several inputs, the tuple of what it makes of each."""
    return tuple(map(function, x)) if isinstance(x, tuple) else function(x)


def arrays(x: Any) -> tuple[Any, ...]:
    """The arrays of an input: itself, or each of several."""
    return x if isinstance(x, tuple) else (x,)


def count(x: Any) -> int:
    """The number of rows."""
    return len(arrays(x)[0])


def row_shape(x: Any) -> tuple[Any, ...]:
    """The shape of one row; of several inputs, a tuple of shapes."""
    return each(lambda array: array.shape[1:], x)


def take(x: Any, rows: Any) -> Any:
    """Some rows; of several inputs, of each. None stays None."""
    return None if x is None else each(lambda array: None if array is None else array[rows], x)


def shared_out(columns: Sequence[Column], wanted: Mapping[str, str | Sequence[str]]) -> tuple[Named, ...]:
    """The columns of each input, by the patterns that its mapping lists (`age`, `city=*`).

    DataError for a pattern without a column, and for a column in no input or in two.
    """
    owner: dict[str, str] = {}
    found: list[Named] = []
    names = [column.name for column in columns]
    for name, patterns in wanted.items():
        own: list[str] = []
        for pattern in (patterns,) if isinstance(patterns, str) else patterns:
            matched = [known for known in names if known == pattern or fnmatchcase(known, pattern)]
            if not matched:
                near = closest(pattern, names)
                hint = f"did you mean '{near}'?" if near else f"there are {listed(names, 12)}"
                raise DataError(f"no column is named like '{pattern}'", path=f"data.inputs.{name}", hint=hint)
            for column in matched:
                if column in owner:
                    both = f"'{owner[column]}' and '{name}'" if owner[column] != name else f"'{name}' twice"
                    raise DataError(f"column '{column}' is in the inputs {both}", path=f"data.inputs.{name}")
                owner[column] = name
                own.append(column)
        found.append((name, tuple(own)))
    if left := [name for name in names if name not in owner]:
        word = "column is" if len(left) == 1 else "columns are"
        raise DataError(
            f"{len(left)} {word} in no input: {listed(left)}",
            path="data.inputs",
            hint="put them into one, or leave them out in data.source",
        )
    return tuple(found)
