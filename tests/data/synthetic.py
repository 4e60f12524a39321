"""Small synthetic sources, and what they draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bpcli.data.records import Column, Records
from bpcli.data.sources._synthetic import Synthetic
from bpcli.files import Files
from bpcli.spec.registry import family

NOWHERE = Files(Path("/nowhere"))
#: A small one of each source.
SMALL: dict[str, dict[str, Any]] = {
    "adding_problem": {"rows": 300, "steps": 9},
    "parity": {"rows": 60, "steps": 8},
    "copy": {"rows": 60, "symbols": 4, "length": 4, "delay": 5},
    "reverse": {"rows": 60, "symbols": 3, "length": 6, "shortest": 2},
    "addition": {"rows": 60},
    "sine": {"steps": 120, "inputs": 7, "horizon": 2},
}


def source(name: str, **fields: Any) -> Synthetic:
    made = family("sources")[name].model_validate({"type": name, **fields})
    assert isinstance(made, Synthetic)
    return made


def read(name: str, **fields: Any) -> Records:
    return source(name, **(SMALL[name] | fields)).read(NOWHERE)


def texts(column: Column) -> list[str]:
    """The symbols of each row, which are behind each other and followed by nothing."""
    assert column.kind == "sequence" and column.values.dtype == np.int32
    length = (column.values >= 0).sum(axis=1)
    assert ((column.values >= 0) == (np.arange(column.values.shape[1]) < length[:, None])).all()
    return ["".join(column.symbols[k] for k in row if k >= 0) for row in column.values]


def pairs(records: Records) -> list[tuple[str, str]]:
    return list(zip(texts(records.features[0]), texts(records.targets[0]), strict=True))


def values(records: Records) -> list[bytes]:
    return [column.values.tobytes() for column in (*records.features, *records.targets)]
