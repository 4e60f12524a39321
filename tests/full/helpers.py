"""Whole runs of shipped configs, on data that is too large to be shipped.

It lies in folders `mnist`, `fashion_mnist`, … in BPCLI_DATA, or in ../shared/data beside the clone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from bpcli.spec.load import load
from bpcli.train import session

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("BPCLI_DATA", ROOT.parent / "shared" / "data"))

#: A test of a whole run: only with `-m full`, and for as long as it takes.
full = [pytest.mark.full, pytest.mark.timeout(0)]


def data(path: str) -> Path:
    """A file or folder of the data; the test is skipped where it is absent."""
    found = FOLDER / path
    if not found.exists():
        pytest.skip(f"there is no {found}; set BPCLI_DATA to the folder that has {path}")
    return found


def trained(tmp_path: Path, name: str, *overrides: str) -> session.Outcome:
    outcome = session.train(load(name, overrides), runs_dir=tmp_path / "runs")
    assert outcome.status == "completed"
    return outcome


def score(tmp_path: Path, name: str, *overrides: str) -> dict[str, Any]:
    """The metrics of the test part, read once, at the end."""
    found = trained(tmp_path, name, *overrides).metrics["test"]
    print(name, *overrides, {key: value for key, value in found.items() if isinstance(value, float)})
    return found


def mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers)
