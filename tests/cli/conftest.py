"""A tiny problem in a folder of its own, and bpcli as a user calls it, in this process or another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bpcli.__main__ import main

CONFIG = """\
# Two clouds of points.
version: 1
name: clouds
seed: 3
data:
  source: {type: csv, path: points.csv, target: cloud}
  split: {type: stratified, train: 0.6, val: 0.2, test: 0.2}
  batch_size: 8
model: {type: mlp, hidden: [6], activation: tanh}
optimizer: {type: adam, lr: 0.05}
train: {epochs: 4}
metrics: [accuracy]
"""


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Cli = Callable[..., Result]


def write_problem(folder: Path) -> None:
    """points.csv (60 rows, two features, a label that is text) and clouds.yaml."""
    rows = ["a,b,cloud"]
    for i in range(60):
        side = 1 if i % 2 else -1
        rows.append(f"{side + (i % 7) / 5},{side * 2 - (i % 5) / 3},{'north' if side > 0 else 'south'}")
    (folder / "points.csv").write_text("\n".join(rows) + "\n")
    (folder / "clouds.yaml").write_text(CONFIG)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: the tiny problem, and no runs yet."""
    write_problem(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """`cli("train", "clouds.yaml")`, in this process."""

    def run(*argv: str) -> Result:
        capsys.readouterr()
        code = main(argv)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one finished run (in runs/, beside its config), which tests may read and not change."""
    folder = tmp_path_factory.mktemp("trained")
    write_problem(folder)
    done = bpcli("train", str(folder / "clouds.yaml"), "-q", "--runs-dir", str(folder / "runs"), cwd=folder)
    assert done.code == 0, done.err
    return Path(done.out.strip())


def command(*argv: str) -> list[str]:
    return [sys.executable, "-m", "bpcli", *argv]


def bpcli(*argv: str, cwd: Path, **environment: str) -> Result:
    """The same, in a process of its own."""
    done = subprocess.run(
        command(*argv), cwd=cwd, env=surroundings(**environment), capture_output=True, text=True, timeout=120
    )
    return Result(done.returncode, done.stdout, done.stderr)


def surroundings(**extra: str) -> dict[str, str]:
    """The environment of a child that finds this very bpcli."""
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": root, **extra}
