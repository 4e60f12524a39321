"""Fewer rows than the source has: those that hold certain values, and few of each class in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpcli.core.rng import generator
from bpcli.data.cells import counted, label_of, listed
from bpcli.data.records import Column, Records
from bpcli.data.target import classes_of
from bpcli.errors import DataError, closest

if TYPE_CHECKING:
    from bpcli.spec.experiment import DataSection, SelectSection


#: The kinds of column with one cell a row.
_CELLS = ("number", "text")


def narrowed(
    parts: Mapping[str, Records], section: DataSection, kind: str, seed: int
) -> tuple[dict[str, Records], list[str]]:
    """(each part with the rows that `select` and `per_class` leave, what to say of it).

    The split comes before: a row belongs to the same part whatever is selected, so what one run trains on is
    never what another one with the same seed is tested on.
    """
    made, notes = dict(parts), list[str]()
    if section.select is not None:
        made = {name: chosen(records, section.select) for name, records in made.items()}
        before, after = (sum(map(len, some.values())) for some in (parts, made))
        notes.append(f"data.select keeps {counted(after, 'row')} of {before:,}.")
        emptied = [name for name, records in made.items() if not len(records) and len(parts[name])]
        notes += [f"data.select leaves no row of the {name} part." for name in emptied if name != "train"]
    if section.per_class is not None:
        train = made["train"]
        made["train"] = few_of_each(train, section.per_class, kind, seed)
        kept = counted(len(made["train"]), "row")
        notes.append(f"data.per_class keeps {kept} of the {len(train):,} of the training part.")
    return made, notes


def chosen(records: Records, select: SelectSection, *, all_occur: bool = False) -> Records:
    """The rows whose cell in the column is one of the values. DataError where there is no such column.

    With `all_occur`, each value must be there: one that is not is most likely a slip.
    """
    column = _column(records, select.column)
    distinct, codes = _cells(column)
    wanted = set(map(label_of, select.values))
    if all_occur and (strange := [value for value in map(label_of, select.values) if value not in distinct]):
        near = closest(strange[0], distinct)
        raise DataError(
            f"no row holds {strange[0]!r} in column '{select.column}'",
            file=records.file,
            path="data.select.values",
            hint=f"did you mean {near!r}?" if near else f"it holds {listed(distinct)}",
        )
    known = np.array([label in wanted for label in distinct], dtype=bool)
    return records.take(np.flatnonzero((codes >= 0) & np.append(known, False)[codes]))


def few_of_each(train: Records, count: int, kind: str, seed: int) -> Records:
    """At most `count` rows of each class, drawn at random; fewer are always among more of the same seed."""
    if kind != "classes" or train.targets[0].kind not in _CELLS:
        what = "a class for each step" if kind == "classes" else kind.replace("_", " ")
        raise DataError(
            f"per_class counts rows by their class, and the target is {what}",
            path="data.per_class",
            hint="leave it out, or lower data.split.train",
        )
    _, codes = classes_of(train.targets[0])
    order = generator(seed, "per_class").permutation(len(train))
    found = [order[codes[order] == code][:count] for code in np.unique(codes)]
    return train.take(np.sort(np.concatenate([*found, order[:0]])))


def _column(records: Records, name: str) -> Column:
    columns = {c.name: c for c in (*records.features, *records.targets) if c.kind in _CELLS}
    if name not in columns:
        near = closest(name, columns)
        raise DataError(
            f"there is no column '{name}' to select rows by",
            file=records.file,
            path="data.select.column",
            hint=f"did you mean '{near}'?"
            if near
            else f"there are {listed(list(columns))}"
            if columns
            else "none has one cell for each row",
        )
    return columns[name]


def _cells(column: Column) -> tuple[list[str], NDArray[np.int64]]:
    """(distinct cells as labels; which of them each row has, -1 where it is missing).

    A number is told as 3 for 3.0, but as it is written where that may say more, as in 01.
    """
    if column.written is not None:
        column = Column(column.name, "text", column.written)
    values: NDArray[Any] = column.values
    there = np.array([value is not None and value == value for value in values], dtype=bool)
    distinct, found = classes_of(Column(column.name, column.kind, values[there]))
    codes = np.full(len(values), -1, dtype=np.int64)
    codes[there] = found
    return list(map(label_of, distinct)), codes
