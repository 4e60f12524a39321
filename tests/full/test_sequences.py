"""Long sequences: what the shipped configs say they reach, and how long they take."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from time import perf_counter

from bpcli.spec.load import load
from bpcli.train import session
from tests.full.helpers import data, full, score

pytestmark = full

SEEDS = (1, 2, 3, 4, 5)


def losses(tmp_path: Path, name: str) -> list[float]:
    """The test errors of five seeds; who says 1 to all has .167."""
    return [score(tmp_path, name, f"seed={seed}")["loss"] for seed in SEEDS]


def test_an_lstm_adds_numbers_a_hundred_steps_apart(tmp_path: Path) -> None:
    experiment = load("adding-problem-lstm").experiment
    trainer = session.prepared_trainer(load("adding-problem-lstm"))
    assert trainer.data.train.x.shape[1:] == (100, 2)
    assert experiment.optimizer.type == "adam"
    assert trainer.model.parameters == 4 * 16 * (2 + 16 + 1) + 17, "8 to 32 units"
    start = perf_counter()
    found = losses(tmp_path, "adding-problem-lstm")
    assert median(found) < 2e-3
    assert max(found) < 2e-3
    assert perf_counter() - start < 5 * 300


def test_a_simple_net_does_not(tmp_path: Path) -> None:
    found = losses(tmp_path, "adding-problem-rnn")
    assert min(found) > 0.05


def test_mnist_row_by_row(tmp_path: Path) -> None:
    folder = f"vars.mnist={data('mnist')}"
    layers = session.prepared_trainer(load("mnist-rows-lstm", [folder])).model
    assert layers.parameters == 4 * 128 * (28 + 128 + 1) + 128 * 10 + 10
    start = perf_counter()
    assert score(tmp_path, "mnist-rows-lstm", folder)["accuracy"] >= 0.98
    assert perf_counter() - start < 600
