"""A run that is stopped after any step and resumed is, bit for bit, the run that was never stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.train import helpers as h

OPTIMIZERS: dict[str, Any] = {
    "sgd": {"type": "sgd", "lr": 0.05, "momentum": 0.9},
    "rmsprop": {"type": "rmsprop", "lr": 0.01},
    "adagrad": {"type": "adagrad", "lr": 0.05},
    "adam": {"type": "adam", "lr": 0.01, "amsgrad": True},
    "adamw": {"type": "adamw", "lr": 0.01, "weight_decay": 0.1},
}
SCHEDULES: dict[str, Any] = {
    "constant": "constant",
    "cosine": {"type": "cosine", "warmup": 4, "min_lr": 1e-4},
    "step": {"type": "step", "every": 2, "gamma": 0.5},
}
#: All that keeps a state, or draws at random, in one net.
NET = {
    "type": "sequential",
    "head": "auto",
    "layers": [
        {"type": "dense", "units": 6, "l1": 1e-3},
        "batch_norm",
        {"type": "activation", "function": "tanh"},
        {"type": "dropout", "rate": 0.3},
        {"type": "dense", "units": 5, "activation": "relu", "l2": 1e-2},
    ],
}
MEMORY = {"type": "early_stop", "monitor": "val.accuracy", "patience": 2}

QUICK = [
    ("sgd", "cosine", 1), ("rmsprop", "step", 3), ("adagrad", "constant", 1),
    ("adam", "cosine", 3), ("adamw", "step", 1),
]  # fmt: skip
ALL = [(o, s, a) for o in OPTIMIZERS for s in SCHEDULES for a in (1, 3)]


def tree(optimizer: str, schedule: str, accumulate: int) -> h.Tree:
    return h.config(
        model=NET,
        optimizer=OPTIMIZERS[optimizer],
        schedule=SCHEDULES[schedule],
        train__accumulate=accumulate,
        train__clip_global_norm=2.0,
        regularize=[{"type": "l2", "rate": 1e-3}],
        early_stop=MEMORY,
        metrics=["accuracy", "f1_macro"],
    )


def check_every_step(
    folder: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str, schedule: str, accumulate: int
) -> None:
    """A chain of runs of one step each: every state on the way is the uninterrupted run's, and so the end."""
    whole = tree(optimizer, schedule, accumulate)
    expected = h.train(folder, whole)
    with monkeypatch.context() as patched:
        states = h.states_of_every_step(patched)
        h.train(folder, whole | {"checkpoint": {"every": 1e-9}})
    steps = 3 * (7 if accumulate == 1 else 3)
    assert sorted(step for step, _ in states) == list(range(1, steps + 1))

    run = h.stopped_at(1, lambda listener: h.train(folder, whole, listener=listener))
    for step, batch in sorted(states):
        if step > 1:
            again = h.stopped_at(step, lambda listener: h.resume(run, listener=listener))
            assert again == run
        last = (run / "checkpoints" / "last.safetensors").read_bytes()
        assert last == states[step, batch], f"the state after step {step} differs"
    outcome = h.resume(run)
    assert outcome.status == expected.status
    assert outcome.metrics == expected.metrics
    assert h.traces(run) == h.traces(expected.run)
    assert len(h.traces(run)) == 3


@pytest.mark.parametrize(("optimizer", "schedule", "accumulate"), QUICK)
def test_stopped_after_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str, schedule: str, accumulate: int
) -> None:
    check_every_step(tmp_path, monkeypatch, optimizer, schedule, accumulate)


@pytest.mark.slow
@pytest.mark.parametrize(("optimizer", "schedule", "accumulate"), [c for c in ALL if c not in QUICK])
def test_stopped_after_every_step_in_all_combinations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str, schedule: str, accumulate: int
) -> None:
    check_every_step(tmp_path, monkeypatch, optimizer, schedule, accumulate)
