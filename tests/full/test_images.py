"""Images at full size: what each shipped config says it reaches."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import pytest

from bpcli.spec.load import load
from bpcli.train import session
from tests.full.helpers import data, full, mean, score, trained

pytestmark = full

SEEDS = (1, 2, 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_5000_digits_in_five_minutes(tmp_path: Path, seed: int) -> None:
    start = perf_counter()
    accuracy = score(tmp_path, "mnist5k-cnn", f"seed={seed}")["accuracy"]
    assert accuracy >= 0.97
    assert perf_counter() - start < 300


def test_mnist_cnn_after_three_epochs_and_after_twelve(tmp_path: Path) -> None:
    """The twelve are the three, gone on with."""
    after_3: list[float] = []
    after_12: list[float] = []
    for seed in SEEDS:
        first = trained(
            tmp_path, "mnist-cnn", f"vars.mnist={data('mnist')}", "train.epochs=3", f"seed={seed}"
        )
        after_3.append(first.metrics["test"]["accuracy"])
        last = session.resume(str(first.run), ["train.epochs=12"], runs_dir=tmp_path / "runs")
        after_12.append(last.metrics["test"]["accuracy"])
        print("mnist-cnn", f"seed={seed}", after_3[-1], after_12[-1], flush=True)
    assert mean(after_3) >= 0.985
    assert mean(after_12) >= 0.991


def test_mnist_mlp_with_distortions(tmp_path: Path) -> None:
    assert score(tmp_path, "mnist-mlp-elastic", f"vars.mnist={data('mnist')}")["accuracy"] >= 0.987


def test_fashion_mlp(tmp_path: Path) -> None:
    folder = f"vars.fashion={data('fashion_mnist')}"
    found = [score(tmp_path, "fashion-mlp", folder, f"seed={seed}")["accuracy"] for seed in SEEDS]
    assert mean(found) >= 0.88


def test_fashion_cnn(tmp_path: Path) -> None:
    more = [f"vars.fashion={data('fashion_mnist')}"]
    loaded = load("fashion-cnn", more)
    assert loaded.experiment.train.epochs <= 20
    assert session.prepared_trainer(loaded).model.parameters < 100_000
    assert score(tmp_path, "fashion-cnn", *more)["accuracy"] >= 0.91
