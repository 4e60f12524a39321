"""Small runs on small data: what the tests of training share."""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.errors import Stopped
from bpcli.runs.checkpoint import encode
from bpcli.spec.load import Loaded, load
from bpcli.train import session
from bpcli.train.saver import Saver
from bpcli.train.trainer import Trainer

Tree = dict[str, Any]

#: 80 rows: 52 to train (7 batches of 8, the last of 4), 16 to validate, 12 to test.
BASE: Tree = {
    "version": 1,
    "name": "small",
    "seed": 3,
    "data": {
        "source": {"type": "csv", "path": "data.csv", "target": "y"},
        "split": {"type": "random", "train": 0.65, "val": 0.2, "test": 0.15},
        "preprocess": ["standardize"],
        "batch_size": 8,
    },
    "model": {"type": "mlp", "hidden": [6], "activation": "tanh"},
    "loss": "cross_entropy",
    "optimizer": {"type": "adam", "lr": 0.01},
    "train": {"epochs": 3, "threads": 1},
    "metrics": ["accuracy"],
}


def write_data(folder: Path, *, target: str = "classes", rows: int = 80, seed: int = 0) -> Path:
    """data.csv: features a..e, and a target `y` of three classes, or a number."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 5)) * [1, 2, 0.5, 1, 3]
    score = x @ rng.normal(size=(5, 3)) + rng.normal(size=(rows, 3))
    lines = ["a,b,c,d,e,y"]
    for row, s in zip(x, score, strict=True):
        y = "uvw"[int(s.argmax())] if target == "classes" else f"{100 + 10 * s[0]:.4f}"
        lines.append(",".join([*(f"{v:.5f}" for v in row), y]))
    file = folder / "data.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def config(**changes: Any) -> Tree:
    """BASE with some keys changed, nested ones by `data__batch_size=4`; None removes a key."""
    tree = deepcopy(BASE)
    for path, value in changes.items():
        *parents, key = path.split("__")
        section = tree
        for parent in parents:
            section = section.setdefault(parent, {})
        if value is None:
            section.pop(key, None)
        else:
            section[key] = value
    return tree


def loaded(folder: Path, tree: Tree, overrides: Sequence[str] = ()) -> Loaded:
    """The config, by way of a file: JSON is YAML."""
    if not (folder / "data.csv").exists():
        write_data(folder)
    file = folder / "config.yaml"
    file.write_text(json.dumps(tree, indent=1))
    return load(file, overrides)


def trainer(folder: Path, tree: Tree) -> Trainer:
    """Everything that comes before the first step."""
    return session.prepared_trainer(loaded(folder, tree))


def train(folder: Path, tree: Tree, *, listener: Callable[[Tree], None] | None = None) -> session.Outcome:
    return session.train(
        loaded(folder, tree), runs_dir=folder / "runs", listener=listener or (lambda event: None)
    )


def resume(run: Path, overrides: Sequence[str] = (), **options: Any) -> session.Outcome:
    return session.resume(str(run), overrides, runs_dir=run.parent, **options)


class StopAt:
    """A listener that has the process send itself a signal right after one step."""

    def __init__(self, step: int, number: int = signal.SIGTERM) -> None:
        self.step, self.number = step, number
        self.run: Path | None = None

    def __call__(self, event: Tree) -> None:
        if event["event"] == "start":
            self.run = Path(event["run"])
        if event["event"] == "step" and event["step"] == self.step:
            signal.raise_signal(self.number)


def stopped_at(step: int, start: Callable[..., Any], number: int = signal.SIGTERM) -> Path:
    """Begins something that trains and stops it after this step; the run's folder."""
    stop = StopAt(step, number)
    with pytest.raises(Stopped) as caught:
        start(listener=stop)
    assert caught.value.signal_number == number
    assert stop.run is not None
    return stop.run


def traces(run: Path) -> dict[str, str]:
    """The SHA-256 of everything that must not depend on how often a run was interrupted."""
    files = ["checkpoints/last.safetensors", "checkpoints/best.safetensors", "metrics.jsonl"]
    return {
        name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in files if (run / name).exists()
    }


def states_of_every_step(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[int, int], bytes]:
    """Filled while a run of `checkpoint.every` almost 0 trains: (step, batch) -> its checkpoint's bytes."""
    states: dict[tuple[int, int], bytes] = {}
    write = Saver.write

    def spy(self: Saver, state: Any) -> None:
        arrays, meta = state
        states[meta["step"], meta["batch"]] = encode(arrays, meta)
        write(self, state)

    monkeypatch.setattr(Saver, "write", spy)
    return states


def metrics_of(run: Path) -> list[Tree]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
