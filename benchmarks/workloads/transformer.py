"""Attention."""

from __future__ import annotations

from benchmarks.nets import dense, transformer_block
from benchmarks.workload import Workload, sequences

WORKLOADS = (
    Workload(
        "transformer_block",
        "a causal block of 4 heads over 64 steps of 128 features, 512 inside; mean, 10; batch 32, Adam",
        (*transformer_block("block", 4, 512), {"type": "global_avg_pool", "name": "mean"}, dense("head", 10)),
        sequences(32 * 16, 64, 128, 10),
        batch=32,
    ),
)
