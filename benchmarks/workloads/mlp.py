"""Multi-layer perceptrons: bound by the matrix products, by the overhead of a step, and by nothing else."""

from __future__ import annotations

from benchmarks.nets import mlp
from benchmarks.workload import Workload, vectors

WORKLOADS = (
    Workload(
        "mlp_big",
        "MLP 784-512-256-10, batch 128, Adam",
        mlp((512, 256), 10),
        vectors(128 * 64, 784, 10),
        batch=128,
    ),
    Workload(
        "mlp_small", "MLP 30-64-32-2, batch 32, Adam", mlp((64, 32), 2), vectors(32 * 512, 30, 2), batch=32
    ),
    Workload(
        "mlp_wide",
        "MLP of 4 layers of 2,048, batch 512, SGD",
        mlp((2048,) * 3, 2048),
        vectors(512 * 32, 2048, 2048),
        batch=512,
        optimizer="sgd",
        lr=0.01,
    ),
)
