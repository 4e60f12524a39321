"""From a CSV file to arrays, and from arrays to batches."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measures._finding import Finding, program
from benchmarks.nets import mlp
from benchmarks.workload import Workload, vectors

ROWS, COLUMNS = 50_000, 20
BATCHES = vectors(128 * 128, 784, 10)


def find(options: Any) -> Iterable[Finding]:
    with tempfile.TemporaryDirectory(prefix="bpcli-bench-") as name:
        yield from _files(Path(name), options.repeats)
        yield from _batches(Path(name), options)


def _files(folder: Path, repeats: int) -> Iterable[Finding]:
    from bpcli.data.prepare import prepare
    from bpcli.files import Files
    from bpcli.spec.load import load_mapping

    net = Workload("loading", "", mlp((8,), 3), BATCHES, batch=100)
    rng = np.random.default_rng(7)
    table = np.c_[rng.standard_normal((ROWS, COLUMNS)), rng.integers(0, 3, ROWS)]
    names = [*(f"x{k}" for k in range(COLUMNS)), "y"]
    np.savetxt(folder / "data.csv", table, delimiter=",", header=",".join(names), comments="", fmt="%.8g")
    source = {"type": "csv", "path": "data.csv", "target": "y"}
    section = load_mapping(net.config(source, 1), folder=folder).experiment.data
    readers: dict[str, Callable[[], Any]] = {
        "bpcli": lambda: prepare(section, files=Files(folder), seed=1),
        "numpy.loadtxt": lambda: np.loadtxt(folder / "data.csv", delimiter=",", skiprows=1, dtype=np.float32),
    }
    if find_spec("pandas"):
        pandas: Any = import_module("pandas")
        readers["pandas.read_csv"] = lambda: pandas.read_csv(folder / "data.csv").to_numpy(np.float32)
    found = _medians(readers, repeats)
    note = "bpcli also checks every cell, finds the columns' kinds, splits, and looks for repeated rows"
    ours = found.pop("bpcli")
    for peer, theirs in found.items():
        yield Finding("loading", f"CSV of {ROWS:,} rows × {COLUMNS + 1}", "s", ours, peer, theirs, note)


def _batches(folder: Path, options: Any) -> Iterable[Finding]:
    """An epoch of batches in a random order, nothing done with them."""
    from bpcli.spec.load import load_mapping
    from bpcli.train.session import prepared_trainer

    net = Workload("loading", "", mlp((8,), 10), BATCHES, batch=128)
    source = BATCHES(folder, np.random.default_rng(7))
    trainer = prepared_trainer(load_mapping(net.config(source, options.threads), folder=folder))
    train = trainer.data.train
    ways: dict[str, Callable[[], Any]] = {"bpcli": lambda: _drain(trainer.feed.batches(0, 0))}
    if "torch" in options.peers and find_spec("torch"):
        import torch
        from torch.utils.data import DataLoader, TensorDataset

        held = TensorDataset(torch.from_numpy(train.x), torch.from_numpy(train.y))
        loader = DataLoader(held, batch_size=128, shuffle=True)
        ways["torch DataLoader"] = lambda: _drain(loader)
    found = _medians(ways, options.repeats)
    ours = found.pop("bpcli") / 128 * 1e3
    what = "a batch of 128 × 784 from memory, in a random order"
    if not found:
        yield Finding("loading", what, "ms", ours)
    for peer, theirs in found.items():
        yield Finding("loading", what, "ms", ours, peer, theirs / 128 * 1e3)


def _drain(stream: Iterable[Any]) -> None:
    for _ in stream:
        pass


def _medians(ways: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Seconds of each, taken in turn."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, work in ways.items():
            start = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


if __name__ == "__main__":
    program(find)
