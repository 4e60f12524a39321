"""What is timed: a net in the config's own words, data from a seed, a batch size, an optimizer.

Every peer builds the same net from the same description, gets the same first weights, and sees the same
batches in the same order. Layers have names and presets are written out, so that a peer needs no more
than the description to find the weights that belong to a layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

Layers = tuple[dict[str, Any], ...]
Rng = np.random.Generator
#: Writes the data into a folder and gives the config's `data.source` for it.
Data = Callable[[Path, Rng], dict[str, Any]]


@dataclass(frozen=True)
class Workload:
    """`rows` is a multiple of `batch`. `family` and `at`: of a series, what it goes along and where."""

    name: str
    what: str
    layers: Layers
    data: Data
    batch: int
    loss: Literal["cross_entropy", "mse"] = "cross_entropy"
    optimizer: Literal["adam", "sgd"] = "adam"
    lr: float = 1e-3
    family: str = ""
    at: int = 0
    threads: int | None = None
    inference: bool = False

    def config(self, source: dict[str, Any], threads: int) -> dict[str, Any]:
        """The config that `bpcli train` would be given."""
        return {
            "version": 1,
            "name": "benchmark",
            "seed": 1,
            "data": {
                "source": source,
                "split": {"type": "chronological", "train": 1.0, "val": 0.0, "test": 0.0},
                "batch_size": self.batch,
                "task": "classification" if self.loss == "cross_entropy" else "regression",
            },
            "model": {"type": "sequential", "layers": [dict(layer) for layer in self.layers]},
            "loss": self.loss,
            "optimizer": {"type": self.optimizer, "lr": self.lr},
            "train": {"epochs": 1_000_000, "threads": threads},
        }


def vectors(rows: int, features: int, classes: int) -> Data:
    """Normal numbers, and the class that a random linear map of them gives."""

    def made(folder: Path, rng: Rng) -> dict[str, Any]:
        x = rng.standard_normal((rows, features), np.float32)
        return _saved(folder, x, _classes(x @ rng.standard_normal((features, classes), np.float32)))

    return made


def images(rows: int, size: int, channels: int, classes: int) -> Data:
    """Normal pixels (h, w, c); the class is a random map of the means over each quarter's rows."""

    def made(folder: Path, rng: Rng) -> dict[str, Any]:
        x = rng.standard_normal((rows, size, size, channels), np.float32)
        means = x.reshape(rows, 4, -1).mean(2)
        return _saved(folder, x, _classes(means @ rng.standard_normal((4, classes))))

    return made


def waves(rows: int, steps: int) -> Data:
    """One number a step, a sine of random phase with noise; the value to predict is the next one."""

    def made(folder: Path, rng: Rng) -> dict[str, Any]:
        phase = rng.uniform(0, 2 * np.pi, (rows, 1))
        wave = np.sin(phase + 0.3 * np.arange(steps + 1)) + 0.1 * rng.standard_normal((rows, steps + 1))
        return _saved(folder, wave[:, :-1, None].astype(np.float32), wave[:, -1].astype(np.float32))

    return made


def sequences(rows: int, steps: int, features: int, classes: int) -> Data:
    """Vectors (t, c), and a class that a random map of their mean gives."""

    def made(folder: Path, rng: Rng) -> dict[str, Any]:
        x = rng.standard_normal((rows, steps, features), np.float32)
        return _saved(folder, x, _classes(x.mean(1) @ rng.standard_normal((features, classes))))

    return made


def characters(rows: int, steps: int, symbols: int) -> Data:
    """Text in which every symbol is followed by one of four, cut into windows of `steps`.

    The vocabulary has two more: padding, and what is not known.
    """

    def made(folder: Path, rng: Rng) -> dict[str, Any]:
        follow = rng.integers(0, symbols, (symbols, 4))
        picks = rng.integers(0, 4, rows * steps + 1)
        codes = np.empty(len(picks), np.int64)
        codes[0] = 0
        for k in range(1, len(codes)):
            codes[k] = follow[codes[k - 1], picks[k]]
        codes[:symbols] = np.arange(symbols)  # each occurs, so that the vocabulary is whole
        text = "".join(chr(40 + code) for code in codes)
        (folder / "text.txt").write_text(text, encoding="utf-8")
        return {"type": "text", "path": "text.txt", "steps": steps}

    return made


def _classes(scores: Any) -> Any:
    """The largest score's number; each class occurs, so that the output is as wide as it says."""
    y = scores.argmax(1)
    y[: scores.shape[1]] = np.arange(scores.shape[1])
    return y


def _saved(folder: Path, x: Any, y: Any) -> dict[str, Any]:
    np.savez(folder / "data.npz", x=x, y=y)
    return {"type": "npz", "path": "data.npz"}
