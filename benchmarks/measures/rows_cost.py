"""The time for each row of data, at 100,000 rows and at a million: reading and preparing it, and an epoch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from typing import Any

from benchmarks.measures._finding import Finding, program
from benchmarks.measures._training import train
from benchmarks.nets import mlp
from benchmarks.workload import Workload, vectors

FEW, MANY = 100_000, 1_000_000


def find(options: Any) -> Iterable[Finding]:
    found: dict[int, list[tuple[float, float]]] = {FEW: [], MANY: []}
    for _ in range(min(options.repeats, 3)):
        for rows, times in found.items():
            times.append(_epoch(rows, options.threads))
    for place, what in enumerate(("an epoch", "reading and preparing")):
        few, many = (
            statistics.median(times[place] for times in found[rows]) / rows * 1e6 for rows in (FEW, MANY)
        )
        yield Finding(
            "rows_cost", f"{what}, each of {MANY:,} rows", "µs", many, f"each of {FEW:,}", few, "at most 1.25"
        )


def _epoch(rows: int, threads: int) -> tuple[float, float]:
    """(seconds of an epoch, seconds before its first step)."""
    net = Workload("rows", "", mlp((64, 32), 10), vectors(rows, 30, 10), batch=100)
    marks: dict[str, float] = {}

    def see(event: dict[str, Any]) -> bool:
        marks.setdefault(event["event"], time.perf_counter())
        return event["event"] == "epoch"

    begun = _timed_reading(net, threads)
    train(net, threads, see)
    return marks["epoch"] - marks["step"], begun


def _timed_reading(net: Workload, threads: int) -> float:
    import tempfile
    from pathlib import Path

    import numpy as np

    from bpcli.spec.load import load_mapping
    from bpcli.train.session import prepared_trainer

    with tempfile.TemporaryDirectory(prefix="bpcli-bench-") as name:
        folder = Path(name)
        loaded = load_mapping(net.config(net.data(folder, np.random.default_rng(7)), threads), folder=folder)
        start = time.perf_counter()
        prepared_trainer(loaded)
        return time.perf_counter() - start


if __name__ == "__main__":
    program(find)
