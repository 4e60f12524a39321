"""The cost of a step along width, depth, batch, sequence length, image size, rows of data, threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from benchmarks.nets import cnn, dense, mlp
from benchmarks.workload import Workload, images, vectors, waves
from benchmarks.workloads.mlp import WORKLOADS as MLP


def _series(family: str, points: Iterable[int], make: Callable[[int], Workload]) -> tuple[Workload, ...]:
    return tuple(replace(make(at), name=f"{family}={at}", family=family, at=at) for at in points)


def _mlp(what: str, hidden: tuple[int, ...], batch: int, batches: int = 32) -> Workload:
    return Workload("", what, mlp(hidden, 10), vectors(batch * batches, 256, 10), batch=batch)


def _gru(steps: int) -> Workload:
    layers = ({"type": "gru", "name": "gru", "units": 64}, dense("head", 1))
    return Workload("", f"GRU-64 over {steps} steps", layers, waves(64 * 16, steps), batch=64, loss="mse")


def _cnn(size: int) -> Workload:
    what = f"CNN of 16 and 32 filters on {size}×{size}×3"
    return Workload("", what, cnn((16, 32), 64, 10), images(32 * 16, size, 3, 10), batch=32)


WORKLOADS = (
    *_series("width", (64, 256, 1024, 2048), lambda n: _mlp(f"2 layers of {n}", (n, n), 128)),
    *_series("depth", (1, 2, 4, 8, 16), lambda n: _mlp(f"{n} layers of 256", (256,) * n, 128)),
    *_series("batch", (16, 64, 256, 1024), lambda n: _mlp(f"2 layers of 512, batch {n}", (512, 512), n, 16)),
    *_series("steps", (20, 80, 320), _gru),
    *_series("image", (16, 32, 64), _cnn),
    *_series(
        "rows", (1_000, 10_000, 100_000), lambda n: _mlp(f"2 layers of 64, {n:,} rows", (64, 64), 50, n // 50)
    ),
    *_series("threads", (1, 2), lambda n: replace(MLP[0], what=f"mlp_big on {n} threads", threads=n)),
)
