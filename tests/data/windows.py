"""Small series in text, and what the series source makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bpcli.data.records import Records
from bpcli.data.series import Windows
from bpcli.data.sources.series import SeriesSource
from bpcli.files import Files


def source(**fields: Any) -> SeriesSource:
    return SeriesSource.model_validate({"path": "s.csv", "target": "y", "inputs": 3, **fields})


def read(folder: Path, text: str, *, wants_target: bool = True, **fields: Any) -> Records:
    (folder / "s.csv").write_text(text)
    return source(**fields).read(Files(folder), target=wants_target)


def table(*values: float | str) -> str:
    return "y\n" + "".join(f"{value}\n" for value in values)


def windows_of(found: Records) -> Windows:
    assert found.series is not None
    made = Windows.of(found, found.series.columns)
    assert made is not None
    return made


def x_of(found: Records) -> Any:
    return found.features[0].values


def y_of(found: Records) -> Any:
    return np.column_stack([column.values for column in found.targets])
