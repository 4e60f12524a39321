"""Recurrent nets."""

from __future__ import annotations

from benchmarks.nets import dense
from benchmarks.workload import Workload, characters, waves

WORKLOADS = (
    Workload(
        "lstm",
        "LSTM-256 over 64 characters of 65, batch 32, Adam",
        (
            {"type": "embedding", "name": "embedding", "symbols": 65, "units": 256},
            {"type": "lstm", "name": "lstm", "units": 256, "return_sequences": True},
            dense("head", 65),
        ),
        characters(32 * 32, 64, 63),
        batch=32,
    ),
    Workload(
        "gru_small",
        "GRU-64 over 40 steps of one number, batch 64, Adam",
        ({"type": "gru", "name": "gru", "units": 64}, dense("head", 1)),
        waves(64 * 64, 40),
        batch=64,
        loss="mse",
    ),
)
