"""Class weights beside sample weights: what scikit-learn makes of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.losses.binary_cross_entropy import BinaryCrossEntropy
from bpcli.losses.cross_entropy import CrossEntropy
from bpcli.losses.focal import Focal
from bpcli.runs import checkpoint
from tests.train import helpers as h

BALANCED: dict[str, Any] = {"loss": {"type": "cross_entropy", "class_weight": "balanced"}}


def with_weights(folder: Path, weight: Any) -> None:
    """The usual rows, with `weight(number, label)` of each as another column."""
    head, *rows = h.write_data(folder).read_text().splitlines()
    lines = [f"{head},w", *(f"{row},{weight(i, row[-1])}" for i, row in enumerate(rows))]
    (folder / "data.csv").write_text("\n".join(lines) + "\n")


def part(folder: Path, **changes: Any) -> Any:
    tree = h.config(train__precision="float64", **changes)
    return h.trainer(folder, tree).data.train


def test_balanced_is_scikit_learns_with_and_without_sample_weights(tmp_path: Path) -> None:
    of = pytest.importorskip("sklearn.utils.class_weight").compute_class_weight
    with_weights(tmp_path, lambda i, label: 0.25 + i % 5 + 3 * (label == "u"))
    own = part(tmp_path, data__source__weight="w")
    y, classes = own.y, np.arange(3)
    alone = part(tmp_path, data__source__drop=["w"], **BALANCED).weight
    assert alone == pytest.approx(of("balanced", classes=classes, y=y)[y], rel=1e-14)
    try:
        table = of("balanced", classes=classes, y=y, sample_weight=own.weight)
    except TypeError:
        pytest.skip("this scikit-learn's class weights do not know sample weights")
    both = part(tmp_path, data__source__weight="w", **BALANCED).weight
    assert both == pytest.approx(table[y] * own.weight, rel=1e-14)
    assert not np.allclose(both, alone * own.weight)


def test_all_classes_weigh_alike_and_as_much_as_before(tmp_path: Path) -> None:
    with_weights(tmp_path, lambda i, label: {"u": 5.0, "v": 0.5, "w": 1.0}[label] * (1 + i % 3))
    own = part(tmp_path, data__source__weight="w")
    both = part(tmp_path, data__source__weight="w", **BALANCED)
    sums = np.bincount(both.y, both.weight)
    assert sums == pytest.approx([own.weight.sum() / 3] * 3, rel=1e-14)


@pytest.mark.parametrize("loss", [CrossEntropy, Focal, BinaryCrossEntropy])
def test_a_row_of_weight_two_is_that_row_twice(loss: Any) -> None:
    from bpcli.data.records import Target

    y, weight = np.array([0, 0, 1, 1, 1, 0]), np.array([1.0, 2.0, 1.0, 3.0, 1.0, 0.0])
    repeated = np.repeat(y, weight.astype(int))
    table = ("classes", ("c",), ("a", "b"))
    made = loss(class_weight="balanced")
    once = made.row_weights(y, Target(*table, (3, 3), 6), weight)
    often = made.row_weights(repeated, Target(*table, (3, 5), 8))
    assert [once[0], once[2]] == pytest.approx([often[0], often[-2]], rel=1e-15)


def test_a_class_of_no_weight_stays_finite() -> None:
    from bpcli.data.records import Target

    target = Target("classes", ("c",), ("a", "b"), (2, 1), 3)
    weight = np.array([1.0, 0.0, 0.0])
    made = CrossEntropy(class_weight="balanced").row_weights(np.array([0, 0, 1]), target, weight)
    assert made.tolist() == [0.5, 0.5, 1.0]


def test_a_table_of_weights_does_not_depend_on_sample_weights(tmp_path: Path) -> None:
    with_weights(tmp_path, lambda i, label: 1 + i % 2)
    loss = {"type": "cross_entropy", "class_weight": {"u": 2.0, "w": 0.5}}
    own = part(tmp_path, data__source__weight="w")
    both = part(tmp_path, data__source__weight="w", loss=loss)
    assert both.weight == pytest.approx(own.weight * np.array([2.0, 1.0, 0.5])[own.y], rel=1e-15)


def test_training_with_weights_is_training_with_repeated_rows(tmp_path: Path) -> None:
    """All rows in one batch, in whatever order: whole weights and the same rows as often give one net."""
    options: dict[str, Any] = {
        "data__split": {"type": "random", "train": 1.0, "val": 0.0, "test": 0.0},
        "data__preprocess": [], "data__batch_size": 1000, "train__precision": "float64",
        "train__epochs": 5, "optimizer": {"type": "sgd", "lr": 0.5}, **BALANCED,
    }  # fmt: skip

    def weights(folder: Path, **more: Any) -> Any:
        run = h.train(folder, h.config(**options | more)).run
        return checkpoint.read(run / "checkpoints" / "last.safetensors")[0]["w"]

    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    head, *rows = h.write_data(tmp_path / "one").read_text().splitlines()
    lines = [head, *(row for i, row in enumerate(rows) for _ in range(1 + i % 3))]
    (tmp_path / "two" / "data.csv").write_text("\n".join(lines) + "\n")
    with_weights(tmp_path / "one", lambda i, label: 1 + i % 3)
    one = weights(tmp_path / "one", data__source__weight="w")
    two = weights(tmp_path / "two")
    assert np.abs(one - two).max() <= 1e-12 * np.abs(two).max()
