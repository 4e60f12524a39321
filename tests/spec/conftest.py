from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bpcli.errors import ConfigError
from bpcli.spec.load import Loaded, load

#: A whole small config; each test changes what it is about.
BASE = """\
version: 1
seed: 42
data:
  source: {type: csv, path: train.csv, target: label}
  batch_size: 64
model:
  type: sequential
  layers:
    - {type: dense, units: 32, activation: relu}
    - flatten
    - {type: dense, units: 3}
loss: cross_entropy
optimizer: {type: adam, lr: 1e-3}
train:
  epochs: 2
metrics: [accuracy]
"""


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Path]:
    """Writes a config file: BASE with some pieces of text replaced, or any other text or bytes."""

    def write(
        *changes: tuple[str, str], text: str = BASE, raw: bytes | None = None, name: str = "x.yaml"
    ) -> Path:
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_bytes(text.encode() if raw is None else raw)
        return path

    return write


def problems(path: Path, *overrides: str, **options: object) -> list[str]:
    """The messages of a config that must be refused, with the folder taken off."""
    with pytest.raises(ConfigError) as caught:
        load(path, overrides, **options)  # type: ignore[arg-type]
    return [str(problem).replace(f"{path.parent}/", "") for problem in caught.value.problems]


def tree(path: Path, *overrides: str) -> dict:
    return loaded(path, *overrides).tree


def loaded(path: Path, *overrides: str) -> Loaded:
    return load(path, overrides)
