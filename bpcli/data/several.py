"""Several targets, each with a loss of its own: classes beside values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpcli.data.cells import listed
from bpcli.data.records import Records, Target
from bpcli.data.target import Kind, encode, fit_target, target_kind
from bpcli.errors import BuildError, closest

if TYPE_CHECKING:
    from bpcli.losses.weighted_sum import LossPart


def kinds(records: Records, parts: Sequence[LossPart]) -> tuple[list[Kind], str]:
    """(what each part is, why). BuildError where columns and parts of the loss do not go together."""
    _check_columns(records, parts)
    found = [target_kind(only(records, part.columns), "auto", part.loss.targets) for part in parts]
    why = "; ".join(f"{part.label} as {_WORDS[kind]}" for part, (kind, _) in zip(parts, found, strict=True))
    return [kind for kind, _ in found], why


_WORDS = {"classes": "classes", "binary_columns": "0/1 columns", "values": "values"}


def only(records: Records, columns: Sequence[str]) -> Records:
    """The same rows with these target columns alone, in this order."""
    known = {column.name: column for column in records.targets}
    return replace(records, targets=[known[name] for name in columns if name in known])


def fit(train: Records, parts: Sequence[LossPart], known: Sequence[Kind]) -> Target:
    """What the training part shows of each."""
    made = tuple(
        fit_target(only(train, part.columns), "auto", part.loss.targets, kind=kind)
        for part, kind in zip(parts, known, strict=True)
    )
    columns = tuple(name for one in made for name in one.columns)
    return Target("several", columns, rows=len(train), parts=made, names=tuple(part.label for part in parts))


def encode_all(target: Target, records: Records, said: str) -> NDArray[np.float64]:
    """y (n, all columns) of these rows; the number of its class in a column of classes."""
    made: list[NDArray[Any]] = []
    for one in target.parts:
        y = encode(one, only(records, one.columns), said)
        made.append(y.reshape(len(y), -1).astype(np.float64))
    return np.concatenate(made, axis=1)


def places(target: Target) -> list[slice]:
    """The columns of y that belong to each part."""
    ends = np.cumsum([len(one.columns) for one in target.parts]).tolist()
    return [slice(end - len(one.columns), end) for end, one in zip(ends, target.parts, strict=True)]


def _check_columns(records: Records, parts: Sequence[LossPart]) -> None:
    known = [column.name for column in records.targets]
    wanted = [name for part in parts for name in part.columns]
    for number, part in enumerate(parts):
        where = ("loss", "parts", number)
        for name in part.columns:
            if name not in known:
                near = closest(name, known)
                hint = f"did you mean '{near}'?" if near else f"data.source.target has {listed(known)}"
                raise BuildError(f"'{name}' is no target column", (*where, "target"), hint)
            if wanted.count(name) > 1:
                raise BuildError(f"target '{name}' is named twice", (*where, "target"))
        if [other.label for other in parts].count(part.label) > 1:
            raise BuildError(f"two parts are called '{part.label}'", where, "give each a name of its own")
    if left := [name for name in known if name not in wanted]:
        raise BuildError(
            f"no part of the loss takes the target {listed(left)}",
            ("loss", "parts"),
            "add a part for it, or leave it out of data.source.target",
        )
