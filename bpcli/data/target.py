"""What is predicted: classes, 0/1 columns or values, as the training part shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from bpcli.data.cells import EXACT, MAX_AUTO_CLASSES, counted, label_of, listed, missing, rows_named
from bpcli.data.distinct import coded, distinct
from bpcli.data.records import Column, Records, Target
from bpcli.errors import DataError

Kind = Literal["classes", "binary_columns", "values"]


def target_kind(records: Records, task: str, loss_targets: Sequence[str] | None) -> tuple[Kind, str]:
    """(kind, why), from the task, the kinds that the loss takes, and what the columns hold.

    `task` is auto, classification or regression. DataError where these contradict each other.
    """
    refuse_missing(records)
    if not records.targets:
        raise DataError(
            "no target is named", file=records.file, hint="set data.source.target to the column to predict"
        )
    reasons: dict[Kind, str | None] = {
        "classes": _not_classes(records, task, loss_targets),
        "binary_columns": _not_binary(records, task),
        "values": _not_values(records, task),
    }
    natural, why = _natural(records, task)
    if (
        task == "auto"
        and natural == "classes"
        and reasons["values"] is None
        and (loss_targets or ("",))[0] == "values"
    ):
        natural, why = "values", "the loss is for values"  # few whole numbers could be either
    if loss_targets is None:
        if (reason := reasons[natural]) is not None:
            raise DataError(reason, file=records.file, hint=_MIXED if len(records.targets) > 1 else None)
        return natural, why
    if natural in loss_targets and reasons[natural] is None:
        return natural, why
    for kind in reasons:
        if kind in loss_targets and reasons[kind] is None:
            return kind, f"the loss takes {_IN_WORDS[kind]}"
    wanted: list[Kind] = [kind for kind in reasons if kind in loss_targets]
    raise DataError(
        f"the loss takes {' or '.join(_IN_WORDS[kind] for kind in wanted)}, but "
        + "; ".join(dict.fromkeys(reason for kind in wanted if (reason := reasons[kind]))),
        file=records.file,
        hint=f"choose a loss for {_IN_WORDS[natural]}"
        if reasons[natural] is None
        else _MIXED
        if len(records.targets) > 1
        else None,
    )


_IN_WORDS: dict[Kind, str] = {"classes": "classes", "binary_columns": "0/1 columns", "values": "values"}


_MIXED = "targets of different kinds need a loss each: {type: weighted_sum, parts: [...]}"


def _natural(records: Records, task: str) -> tuple[Kind, str]:
    """What the target is where the loss says nothing."""
    columns = records.targets
    several = len(columns) > 1
    if task == "regression":
        return "values", "task: regression"
    if task == "classification":
        return ("binary_columns" if several else "classes"), "task: classification"
    if several:
        if _not_binary(records, task) is None:
            return "binary_columns", f"all {len(columns)} target columns hold 0 and 1"
        return "values", f"there are {len(columns)} target columns"
    column = columns[0]
    if column.kind == "text":
        return "classes", f"'{column.name}' is text"
    found = distinct(column.values)
    if (found != np.floor(found)).any():
        return "values", f"'{column.name}' has fractional values"
    if len(found) <= MAX_AUTO_CLASSES:
        return "classes", f"'{column.name}' has {counted(len(found), 'distinct whole number')}"
    return "values", f"'{column.name}' has {len(found):,} distinct whole numbers"


def _not_classes(records: Records, task: str, loss_targets: Sequence[str] | None) -> str | None:
    """Why the target cannot be classes, or None."""
    if task == "regression":
        return "task is regression"
    if len(records.targets) > 1:
        return f"there are {len(records.targets)} target columns, and classes stand in one"
    column = records.targets[0]
    if column.kind == "array":
        return f"target '{column.name}' is an array"
    labels = column.values
    found, _ = classes_of(column)
    if len(found) > max(MAX_AUTO_CLASSES, len(labels) // 2):
        if column.kind == "text" and "such as" in (reason := _not_values(records, "auto") or ""):
            return reason  # numbers with a few odd cells, rather than that many labels
        return f"target '{column.name}' has {len(found):,} distinct values in {counted(len(labels), 'row')}"
    if column.kind == "number":
        broken = np.flatnonzero(labels != np.floor(labels))
        if len(broken) and (task != "classification" or len(found) > MAX_AUTO_CLASSES):
            at = broken[0]
            row = rows_named(records.rows[at : at + 1], records.row_word)
            return f"target '{column.name}' has fractional values ({label_of(labels[at])} in {row})"
        if (np.abs(labels) >= EXACT).any():
            return f"target '{column.name}' has numbers too large to be told apart as classes"
    return None


def _not_binary(records: Records, task: str) -> str | None:
    if task == "regression":
        return "task is regression"
    for column in records.targets:
        if column.kind != "number":
            return (
                f"target '{column.name}' holds {'text' if column.kind == 'text' else 'arrays'}, not 0 and 1"
            )
        other = np.flatnonzero((column.values != 0) & (column.values != 1))
        if len(other):
            row = rows_named(records.rows[other[:1]], records.row_word)
            return f"target '{column.name}' holds {label_of(column.values[other[0]])} in {row}, not 0 or 1"
    return None


def _not_values(records: Records, task: str) -> str | None:
    if task == "classification":
        return "task is classification"
    for column in records.targets:
        if column.kind == "text":
            from bpcli.data.cells import is_number

            odd = [row for row, cell in enumerate(column.values) if not is_number(cell)]
            if odd and len(odd) * 2 < len(column.values):
                row = rows_named(records.rows[odd], records.row_word)
                return f"target '{column.name}' holds text such as {column.values[odd[0]]!r} in {row}"
            return f"target '{column.name}' is text"
        if column.kind == "array":
            return f"target '{column.name}' is an array"
    return None


def classes_of(column: Column) -> tuple[list[Any], NDArray[np.int64]]:
    """(distinct cells in order, which of them each row has (n,)) of a text or number column without gaps."""
    if column.kind == "number":
        found, codes = coded(column.values + 0.0)  # + 0.0: -0.0 is 0.0
        return found.tolist(), codes
    # Not through NumPy's text, which gives every cell the length of the longest.
    labels = sorted(set(column.values))
    place = {label: index for index, label in enumerate(labels)}
    return labels, np.array([place[cell] for cell in column.values], dtype=np.int64)


def fit_target(
    train: Records, task: str, loss_targets: Sequence[str] | None, *, kind: Kind | None = None
) -> Target:
    """What the training part shows of the target.

    Labels are sorted: text as text, numbers by size. `kind` is the answer of `target_kind` where it is
    known already, from more rows. DataError for missing cells or a single class.
    """
    kind = kind or target_kind(train, task, loss_targets)[0]
    refuse_missing(train)
    columns = tuple(column.name for column in train.targets)
    if kind == "classes":
        column = train.targets[0]
        distinct, codes = classes_of(column)
        counts = np.bincount(codes, minlength=len(distinct))
        labels = tuple(map(label_of, distinct))
        if len(labels) < 2:
            raise DataError(
                f"the training part has only one class of '{column.name}': {next(iter(labels))!r}",
                file=train.file,
                hint="there is nothing to tell apart",
            )
        return Target("classes", columns, labels, tuple(counts.tolist()), len(train))
    y = _matrix(train)
    counts = tuple(int(count) for count in y.sum(axis=0)) if kind == "binary_columns" else ()
    with np.errstate(over="ignore"):
        mean = y.mean(axis=0)
    if not np.isfinite(mean).all():
        raise DataError("the target's numbers are too large", file=train.file)
    return Target(kind, columns, (), counts, len(train), tuple(mean.tolist()))


def encode(target: Target, records: Records, part: str = "data") -> NDArray[Any]:
    """y of these rows: int64 (n,) for classes, float64 (n, d) otherwise.

    `part` is how an error calls the rows. DataError for a label that training did not show, or missing cells.
    """
    names = tuple(column.name for column in records.targets)
    if names != target.columns:
        # A table in another order: by name. An array's column has but one name, whatever it is.
        if set(names) >= set(target.columns):
            by_name = {column.name: column for column in records.targets}
            records = _with_targets(records, [by_name[name] for name in target.columns])
        elif records.named:
            raise DataError(
                f"{part}: the target is {_quoted(names)}, and in training it was {_quoted(target.columns)}",
                file=records.file,
                hint="give the column the name that it has in training",
            )
        elif len(names) != len(target.columns):
            raise DataError(
                f"{counted(len(names), 'target column')}; the model was trained on {len(target.columns)}",
                file=records.file,
            )
    refuse_missing(records)
    if target.kind == "classes":
        return _classes(target, records, part)
    for column in records.targets:
        if column.kind != "number":
            raise DataError(f"target '{column.name}' holds {column.kind}, not numbers", file=records.file)
    if target.kind == "binary_columns" and (reason := _not_binary(records, "auto")):
        raise DataError(f"{part}: {reason}", file=records.file)
    return _matrix(records)


def _classes(target: Target, records: Records, part: str) -> NDArray[np.int64]:
    column = records.targets[0]
    if column.kind == "array":
        raise DataError(f"target '{column.name}' is an array", file=records.file)
    distinct, codes = classes_of(column)
    place = {label: index for index, label in enumerate(target.labels)}
    known = [place.get(label_of(value), -1) for value in distinct]
    y = np.array(known, dtype=np.int64)[codes]
    strange = [index for index, code in enumerate(known) if code < 0]
    if strange:
        said: list[str] = []
        for index in strange[:5]:
            rows = records.rows[np.flatnonzero(codes == index)]
            said.append(f"{label_of(distinct[index])!r} ({rows_named(rows, records.row_word)})")
        more = f" and {len(strange) - 5} more labels" if len(strange) > 5 else ""
        raise DataError(
            f"{part}: target '{column.name}' has a label that the training part does not have: "
            + ", ".join(said)
            + more,
            file=records.file,
            line=_first_line(records, np.flatnonzero(y < 0)),
            hint="a stratified split puts every class into training",
        )
    return y


def as_written(records: Records) -> Records:
    """A target of classes with its labels as written, where the numbers would not tell them apart."""
    column = records.targets[0]
    if column.written is None:
        return records
    return _with_targets(records, [Column(column.name, "text", column.written)])


def _quoted(names: Sequence[str]) -> str:
    return listed([repr(name) for name in names])


def refuse_missing(records: Records) -> None:
    """DataError naming the rows whose target is missing."""
    for column in records.targets:
        gaps = np.flatnonzero(missing(column))
        if len(gaps):
            _missing(column, records, gaps)


def _missing(column: Column, records: Records, gaps: NDArray[Any]) -> NoReturn:
    raise DataError(
        f"target '{column.name}' is missing in {rows_named(records.rows[gaps], records.row_word)}",
        file=records.file,
        line=_first_line(records, gaps),
        hint="fill these cells in, or remove these rows",
    )


def _first_line(records: Records, rows: NDArray[Any]) -> int | None:
    return int(records.rows[rows[0]]) if records.row_word == "line" else None


def _matrix(records: Records) -> NDArray[np.float64]:
    return np.column_stack([column.values for column in records.targets]).astype(np.float64)


def _with_targets(records: Records, targets: list[Column]) -> Records:
    from dataclasses import replace

    return replace(records, targets=targets)
