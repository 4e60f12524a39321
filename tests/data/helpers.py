"""Small tables, and what reading them gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bpcli.data.records import Column, Records
from bpcli.data.sources.csv import Csv
from bpcli.errors import BpcliError, Problem
from bpcli.files import Files


def number(name: str, *cells: float) -> Column:
    return Column(name, "number", np.array(cells, dtype=np.float64))


def text(name: str, *cells: str | None) -> Column:
    values = np.empty(len(cells), dtype=object)
    values[:] = cells
    return Column(name, "text", values)


def records(
    features: Sequence[Column], targets: Sequence[Column] = (), weight: Any = None, first: int = 2
) -> Records:
    """Rows as if from a CSV whose first row stands in line `first`."""
    rows = np.arange(len((*features, *targets)[0].values), dtype=np.int64) + first
    return Records(features, targets, weight, rows, "data.csv")


def read(folder: Path, data: str | bytes, **fields: Any) -> Records:
    """What the csv source makes of this content."""
    (folder / "data.csv").write_bytes(data.encode() if isinstance(data, str) else data)
    wants_target = fields.pop("wants_target", True)
    source = Csv.model_validate({"path": "data.csv", **fields})
    return source.read(Files(folder), target=wants_target)


def cells(found: Records) -> dict[str, list[Any]]:
    return {column.name: column.values.tolist() for column in (*found.features, *found.targets)}


def only(error: BpcliError) -> Problem:
    (problem,) = error.problems
    return problem
