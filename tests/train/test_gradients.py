"""`gradcheck` on a whole net whose formulas are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.errors import UsageError
from bpcli.train import gradients
from bpcli.train.saved import Saved
from tests.train import helpers as h

#: Everything that is smooth; `square` and the layer in `residual` are square, so that no shape gives away a
#: missing transpose.
SMOOTH = {
    "type": "sequential",
    "head": "auto",
    "layers": [
        {"type": "dense", "name": "first", "units": 6, "activation": "tanh", "l2": 0.05},
        "batch_norm",
        {"type": "dense", "name": "square", "units": 6, "activation": "tanh"},
        {"type": "dropout", "rate": 0.3},
        {"type": "residual", "layers": [{"type": "dense", "units": 6, "activation": "sigmoid"}]},
    ],
}


def report(folder: Path, tree: h.Tree | None = None, **options: Any) -> h.Tree:
    tree = tree or h.config(model=SMOOTH, regularize=[{"type": "l2", "rate": 0.02}])
    return gradients.gradcheck(h.loaded(folder, tree), **options)


def test_a_smooth_net_passes_by_the_complex_step(tmp_path: Path) -> None:
    found = report(tmp_path)
    assert found["passed"] is True
    assert found["smooth"] is True
    assert found["max_relative_error"] < 1e-10
    assert {row["method"] for row in [*found["parameters"], found["inputs"]]} == {"complex step"}
    assert found["coordinates"]["checked"] == found["coordinates"]["drawn"]
    assert [(row["layer"], row["name"]) for row in found["parameters"]] == [
        ("first", "W"), ("first", "b"), ("batch_norm1", "gamma"), ("batch_norm1", "beta"),
        ("square", "W"), ("square", "b"), ("residual1.dense1", "W"), ("residual1.dense1", "b"),
        ("head", "W"), ("head", "b"),
    ]  # fmt: skip


def test_a_net_with_kinks_passes_by_differences(tmp_path: Path) -> None:
    net = {"type": "mlp", "hidden": [8, 6], "activation": "relu", "dropout": 0.2, "l1": 1e-3}
    found = report(tmp_path, h.config(model=net))
    assert found["passed"] is True
    assert found["smooth"] is False
    assert found["max_relative_error"] < 1e-6
    assert found["coordinates"]["checked"] >= 0.95 * found["coordinates"]["drawn"]


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_regression_passes(tmp_path: Path, loss: str) -> None:
    h.write_data(tmp_path, target="values")
    found = report(tmp_path, h.config(loss=loss, metrics=["rmse"], data__target_transform="standardize"))
    assert found["passed"] is True


def test_sample_and_class_weights_pass(tmp_path: Path) -> None:
    file = h.write_data(tmp_path)
    head, *rows = file.read_text().splitlines()
    weighted = [f"{head},w", *(f"{row},{1 + i % 3}" for i, row in enumerate(rows))]
    file.write_text("\n".join(weighted) + "\n")
    found = report(
        tmp_path,
        h.config(data__source__weight="w", loss={"type": "cross_entropy", "class_weight": "balanced"}),
    )
    assert found["max_relative_error"] < 1e-10


def test_a_trained_run_passes_at_its_own_weights(tmp_path: Path) -> None:
    run = h.train(tmp_path, h.config(model=SMOOTH)).run
    saved = Saved.open(run)
    found = gradients.gradcheck(saved.loaded, saved=saved)
    assert found["max_relative_error"] < 1e-10
    fresh = gradients.gradcheck(saved.loaded)
    assert found["parameters"][0]["scale"] != fresh["parameters"][0]["scale"]


def test_one_layer_can_be_asked_for(tmp_path: Path) -> None:
    assert [row["name"] for row in report(tmp_path, layer="square")["parameters"]] == ["W", "b"]
    assert {row["layer"] for row in report(tmp_path, layer="residual1")["parameters"]} == {"residual1.dense1"}
    with pytest.raises(UsageError, match="did you mean 'square'"):
        report(tmp_path, layer="sqare")


def test_the_cost_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cost = report(tmp_path)["cost"]
    assert cost["numerical_is_extrapolated"] is False
    assert cost["numerical_seconds"] > 5 * cost["backward_seconds"] > 0
    assert cost["backward_error"] < 1e-13 and cost["numerical_error"] > 100 * cost["backward_error"]
    monkeypatch.setattr(gradients, "PATIENCE", 0.0)
    assert report(tmp_path)["cost"]["numerical_is_extrapolated"] is True


def test_nothing_of_a_run_changes(tmp_path: Path) -> None:
    run = h.train(tmp_path, h.config(model=SMOOTH)).run
    saved = Saved.open(run)
    before = saved.model.store.w.copy(), saved.model.store.s.copy()
    gradients.gradcheck(saved.loaded, saved=saved)
    assert np.array_equal(saved.model.store.w, before[0])
    assert np.array_equal(saved.model.store.s, before[1])
