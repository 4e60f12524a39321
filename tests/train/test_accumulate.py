"""k micro-batches of b rows make the update that one batch of k·b rows makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.runs import checkpoint
from tests.train import helpers as h

SGD = {"type": "sgd", "lr": 0.1, "momentum": 0.9}
ADAM = {"type": "adam", "lr": 0.01}


def weights(folder: Path, tree: h.Tree) -> Any:
    run = h.train(folder, tree).run
    return checkpoint.read(run / "checkpoints" / "last.safetensors")[0]["w"]


def with_sample_weights(folder: Path) -> None:
    head, *rows = h.write_data(folder).read_text().splitlines()
    lines = [f"{head},w", *(f"{row},{0.25 + i % 5}" for i, row in enumerate(rows))]
    (folder / "data.csv").write_text("\n".join(lines) + "\n")


def both(folder: Path, k: int, **changes: Any) -> tuple[Any, Any]:
    """The weights after k micro-batches of 24 / k rows at a time, and after batches of 24 rows.

    52 rows: the third window has 4 rows only, fewer than k full micro-batches.
    """
    options: dict[str, Any] = {"train__precision": "float64", "data__batch_size": 24} | changes
    big = weights(folder, h.config(**options))
    small = weights(folder, h.config(**options | {"data__batch_size": 24 // k, "train__accumulate": k}))
    assert big.dtype == np.float64
    return small, big


def close(small: Any, big: Any) -> None:
    assert np.abs(small - big).max() <= 1e-12 * np.abs(big).max()


@pytest.mark.parametrize("optimizer", [SGD, ADAM], ids=lambda o: o["type"])
@pytest.mark.parametrize("k", [2, 3, 8])
def test_plain(tmp_path: Path, optimizer: h.Tree, k: int) -> None:
    close(*both(tmp_path, k, optimizer=optimizer))


@pytest.mark.parametrize("optimizer", [SGD, ADAM], ids=lambda o: o["type"])
def test_sample_weights(tmp_path: Path, optimizer: h.Tree) -> None:
    """A window's mean divides by the weights of all its rows, not batch by batch."""
    with_sample_weights(tmp_path)
    small, big = both(tmp_path, 3, optimizer=optimizer, data__source__weight="w")
    close(small, big)
    unweighted: dict[str, Any] = {"optimizer": optimizer, "data__source__drop": ["w"]}
    plain = weights(tmp_path, h.config(train__precision="float64", data__batch_size=24, **unweighted))
    assert np.abs(plain - big).max() > 1e-3, "the weights do something"


@pytest.mark.parametrize("optimizer", [SGD, ADAM], ids=lambda o: o["type"])
def test_class_weights_penalties_and_clipping(tmp_path: Path, optimizer: h.Tree) -> None:
    small, big = both(
        tmp_path,
        3,
        optimizer=optimizer,
        loss={"type": "cross_entropy", "class_weight": "balanced"},
        regularize=[{"type": "l2", "rate": 0.01}],
        train__clip_global_norm=0.3,
    )
    close(small, big)


def test_regression(tmp_path: Path) -> None:
    h.write_data(tmp_path, target="values")
    close(*both(tmp_path, 3, loss="mse", metrics=["r2"], data__target_transform="standardize"))


def test_the_reported_numbers_are_those_of_the_big_batch(tmp_path: Path) -> None:
    options: dict[str, Any] = {"train__precision": "float64", "regularize": [{"type": "l2", "rate": 0.01}]}
    big = h.metrics_of(h.train(tmp_path, h.config(**options, data__batch_size=24)).run)
    small = h.metrics_of(h.train(tmp_path, h.config(**options, data__batch_size=8, train__accumulate=3)).run)
    for one, other in zip(small, big, strict=True):
        assert one["step"] == other["step"]
        for part in ("train", "val"):
            for label, value in one[part].items():
                assert value == pytest.approx(other[part][label], rel=1e-12)
