"""What a step holds, against the batch; and whether it holds more after many steps than after a few."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measures._finding import Finding, program
from benchmarks.measures._training import train
from benchmarks.workloads import known

BATCHES = (32, 64, 128, 256)
EPOCHS = 20


def find(options: Any) -> Iterable[Finding]:
    for name in ("mlp_big", "cnn", "lstm"):
        workload = known()[name]
        sizes = [_step_bytes(replace(workload, batch=batch)) for batch in BATCHES]
        slope, start = np.polyfit(BATCHES, sizes, 1)
        worst = max(abs(start + slope * b - size) / size for b, size in zip(BATCHES, sizes, strict=True))
        told = (f"{batch}: {size / 2**20:.1f} MiB" for batch, size in zip(BATCHES, sizes, strict=True))
        what = f"{name}: a step's buffers, off a line in the batch by"
        yield Finding("memory", what, "%", worst * 100, note=", ".join(told))
    for name in ("mlp_small", "mlp_big"):
        what = f"{name}: the most resident in epochs 11 to 20, less in 2 to 10"
        yield Finding("memory", what, "MiB", _growth(name))


def _step_bytes(workload: Any) -> int:
    """Bytes of all buffers after one rehearsed step."""
    from bpcli.spec.load import load_mapping
    from bpcli.train.session import prepared_trainer

    with tempfile.TemporaryDirectory(prefix="bpcli-bench-") as name:
        source = workload.data(Path(name), np.random.default_rng(7))
        trainer = prepared_trainer(load_mapping(workload.config(source, 1), folder=Path(name)))
        trainer.rehearse()
        return trainer.ctx.nbytes()


def _growth(name: str) -> float:
    seen: list[float] = []

    def see(event: dict[str, Any]) -> bool:
        if event["event"] == "epoch":
            seen.append(_resident())
        return len(seen) == EPOCHS

    train(known()[name], 1, see)
    return max(seen[EPOCHS // 2 :]) - max(seen[1 : EPOCHS // 2])


def _resident() -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    program(find)
