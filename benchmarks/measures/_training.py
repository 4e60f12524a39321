"""Trains a workload through bpcli's own `train`, and looks at it from time to time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workload import Workload


class _Enough(Exception):
    pass


def train(workload: Workload, threads: int, see: Callable[[dict[str, Any]], bool]) -> None:
    """`see` is given every event, and says whether that is enough."""
    from bpcli.spec.load import load_mapping
    from bpcli.train.session import train as run

    def listener(event: dict[str, Any]) -> None:
        if see(event):
            raise _Enough

    with tempfile.TemporaryDirectory(prefix="bpcli-bench-") as name:
        folder = Path(name)
        config = workload.config(workload.data(folder, np.random.default_rng(7)), threads)
        loaded = load_mapping(config, folder=folder)
        try:
            run(loaded, runs_dir=folder / "runs", listener=listener)
        except _Enough:
            return
