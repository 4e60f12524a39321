"""Several targets with a weighted loss each: classes beside values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpcli
from bpcli.core.backend import backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.errors import BpcliError
from bpcli.spec.load import load_mapping
from bpcli.train.gradients import gradcheck
from bpcli.train.session import prepared_trainer


def config(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "version": 1,
        "name": "two-targets",
        "data": {
            "source": {"type": "csv", "path": "datasets/iris.csv", "target": ["species", "petal_width"]},
            "preprocess": ["standardize"],
            "target_transform": "standardize",
        },
        "model": {"type": "mlp", "hidden": [8], "activation": "tanh"},
        "loss": {
            "type": "weighted_sum",
            "parts": [
                {"target": "petal_width", "loss": "mse", "weight": 0.25},
                {"target": "species", "loss": "cross_entropy"},
            ],
        },
        "optimizer": {"type": "adam", "lr": 0.02},
        "train": {"epochs": 15},
    }
    return made | changes


def loaded(**changes: Any) -> Any:
    return load_mapping(config(**changes), folder=Path.cwd())


def test_the_loss_is_the_weighted_sum_of_both() -> None:
    trainer = prepared_trainer(loaded())
    model, part = trainer.model, trainer.data.train
    assert part.y is not None
    rng = np.random.default_rng(1)
    y = rng.normal(size=(len(part), 4))
    ctx = Ctx(Pass(backend()))
    losses, dy = model.loss.rows(y, part.y.astype(float), ctx)
    value, scores, t = y[:, 0], y[:, 1:], part.y[:, 1].astype(int)
    squares = (value - part.y[:, 0]) ** 2
    logs = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(t)), t]
    np.testing.assert_allclose(losses, 0.25 * squares + logs, rtol=1e-12)
    np.testing.assert_allclose(dy[:, 0], 0.25 * 2 * (value - part.y[:, 0]), rtol=1e-12)


def test_gradients_are_exact() -> None:
    report = gradcheck(loaded())
    assert report["passed"] and report["max_relative_error"] < 1e-12


def test_train_evaluate_predict(tmp_path: Path) -> None:
    outcome = bpcli.train(config(), runs_dir=tmp_path)
    assert set(outcome.metrics["test"]) == {"loss", "species.accuracy", "petal_width.rmse", "petal_width.r2"}
    assert outcome.metrics["test"]["petal_width.rmse"] < outcome.baseline["test"]["petal_width.rmse"] / 2
    assert outcome.metrics["test"]["species.accuracy"] > outcome.baseline["test"]["species.accuracy"]
    saved = bpcli.load(outcome.run)
    assert saved.evaluate("test")["metrics"] == outcome.metrics["test"]
    told = next(iter(saved.predict([{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4}])))
    assert told["prediction"]["species"] == "setosa"
    assert abs(told["prediction"]["petal_width"] - 0.2) < 0.3  # centimetres, as in the file
    assert abs(sum(told["probabilities"]["species"].values()) - 1) < 1e-6
    assert told["probabilities"]["petal_width"] is None


def test_metrics_are_those_of_each_target(tmp_path: Path) -> None:
    """A metric of one target equals that of a run's predictions, worked out by hand."""
    outcome = bpcli.train(config(), runs_dir=tmp_path)
    saved = bpcli.load(outcome.run)
    part = saved._split("test")
    assert part.y is not None
    y = saved.model.outputs(part.x, saved.model.workspace())
    hits = y[:, 1:].argmax(axis=1) == part.y[:, 1]
    np.testing.assert_allclose(outcome.metrics["test"]["species.accuracy"], hits.mean())
    invert = saved.pipeline.invert_target
    apart = invert(y, saved.model.target)[:, 0] - invert(part.y, saved.model.target)[:, 0]
    np.testing.assert_allclose(
        outcome.metrics["test"]["petal_width.rmse"], np.sqrt((apart**2).mean()), rtol=1e-6
    )


def test_heads_of_their_own_give_the_same_net() -> None:
    """Two dense layers side by side, joined, are the one dense layer of head: auto."""
    heads = [
        {"type": "dense", "units": 8, "activation": "tanh", "name": "body"},
        {"type": "dense", "units": 1, "from": "body", "name": "width"},
        {"type": "dense", "units": 3, "from": "body", "name": "kind"},
        {"type": "concatenate", "from": ["width", "kind"]},
    ]
    report = gradcheck(loaded(model={"type": "sequential", "layers": heads}))
    assert report["passed"]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([{"target": "species", "loss": "cross_entropy"}] * 2, "target 'species' is named twice"),
        (
            [{"target": "specis", "loss": "cross_entropy"}, {"target": "petal_width", "loss": "mse"}],
            "'specis' is no target column; did you mean 'species'",
        ),
        (
            [{"target": "species", "loss": "gaussian_nll"}, {"target": "petal_width", "loss": "mse"}],
            "target 'species' is text",
        ),
        (
            [
                {"target": "species", "loss": {"type": "cross_entropy", "class_weight": "balanced"}},
                {"target": "petal_width", "loss": "mse"},
            ],
            "class weights in a sum of losses",
        ),
    ],
)
def test_what_does_not_fit_is_refused(parts: list[Any], said: str) -> None:
    with pytest.raises(BpcliError) as caught:
        prepared_trainer(loaded(loss={"type": "weighted_sum", "parts": parts}))
    assert said in str(caught.value)


def test_targets_of_two_kinds_without_such_a_loss_say_what_to_write() -> None:
    made = config()
    del made["loss"]
    del made["data"]["target_transform"]
    with pytest.raises(BpcliError, match="weighted_sum"):
        prepared_trainer(load_mapping(made, folder=Path.cwd()))
