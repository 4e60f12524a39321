"""Small runs over a series: what the tests of forecasts share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bpcli.train.saved import Saved
from bpcli.train.session import Outcome
from tests.train.helpers import Tree
from tests.train.helpers import train as start

N = 150


def grown(rows: int = N, seed: int = 0) -> np.ndarray:
    """A series that grows by a share, with a season of 6."""
    steps = np.arange(rows)
    noise = np.random.default_rng(seed).normal(scale=0.05, size=rows)
    return np.round(20 * np.exp(0.01 * steps + 0.3 * np.sin(steps * np.pi / 3) + noise), 3)


def write_series(folder: Path, *columns: np.ndarray, name: str = "data.csv") -> Path:
    """month, y (, z …), from 2000-01 on."""
    heads = ["month", *"yz"[: len(columns)]]
    lines = [",".join(heads)]
    for step, row in enumerate(zip(*columns, strict=True)):
        lines.append(",".join([f"{2000 + step // 12}-{step % 12 + 1:02d}", *map(repr, map(float, row))]))
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def config(loss: Any = "mse", epochs: int = 8, **fields: Any) -> Tree:
    source: Tree = {
        "type": "series", "path": "data.csv", "target": "y", "time": "month", "inputs": 6, "horizon": 3,
        "season": 6, "transform": "log", "relative": "last", **fields,
    }  # fmt: skip
    return {
        "version": 1, "name": "series", "seed": 1,
        "data": {
            "source": source,
            "split": {"type": "chronological", "train": 0.6, "val": 0.2, "test": 0.2},
            "preprocess": ["standardize"], "target_transform": "standardize", "batch_size": 16,
        },
        "model": {"type": "mlp", "hidden": [8], "activation": "tanh"},
        "loss": loss,
        "optimizer": {"type": "adam", "lr": 0.01},
        "train": {"epochs": epochs, "threads": 1, "precision": "float64"},
        "metrics": ["mae", "rmse", "smape", "mase", "r2"],
    }  # fmt: skip


def run(folder: Path, tree: Tree, *columns: np.ndarray) -> tuple[Outcome, Saved]:
    write_series(folder, *(columns or (grown(),)))
    outcome = start(folder, tree)
    return outcome, Saved.open(outcome.run)


def split(saved: Saved, name: str) -> Any:
    return saved._split(name)  # pyright: ignore[reportPrivateUsage]
