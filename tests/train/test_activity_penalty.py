"""A penalty that a layer adds, in whole runs: in train.loss, in every gradient, in the gradient check."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.layers.activity_penalty import ActivityPenalty
from bpcli.runs import checkpoint
from bpcli.train import gradients
from tests.train import helpers as h
from tests.train.test_accumulate import both, close, with_sample_weights


def net(**penalty: float) -> h.Tree:
    layers: list[Any] = [{"type": "dense", "units": 6, "activation": "tanh"}]
    if penalty:
        layers.append({"type": "activity_penalty", **penalty})
    return {"type": "sequential", "head": "auto", "layers": layers}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("penalty", [{"l1": 0.3}, {"l2": 0.5}, {"l1": 0.1, "l2": 0.2}])
def test_micro_batches_equal_the_large_batch(tmp_path: Path, penalty: h.Tree, weighted: bool) -> None:
    options: dict[str, Any] = {"model": net(**penalty), "optimizer": {"type": "sgd", "lr": 0.1}}
    if weighted:
        with_sample_weights(tmp_path)
        options["data__source__weight"] = "w"
    close(*both(tmp_path, 3, **options))


def test_train_loss_contains_it_and_val_loss_does_not(tmp_path: Path) -> None:
    """A rate of almost 0 leaves the weights alone, so that the losses of both nets can be compared."""
    still: dict[str, Any] = {"optimizer": {"type": "sgd", "lr": 1e-300}, "train__precision": "float64"}
    plain, penalized = (
        h.metrics_of(h.train(tmp_path, h.config(model=model, train__epochs=1, **still)).run)[0]
        for model in (net(), net(l2=2.0))
    )
    assert penalized["val"] == plain["val"]
    trainer = h.trainer(tmp_path, h.config(model=net(), **still))
    hidden = np.tanh(trainer.data.train.x @ trainer.model.p.dense1.W + trainer.model.p.dense1.b)
    assert penalized["train"]["loss"] - plain["train"]["loss"] == pytest.approx(
        (hidden**2).sum() / len(hidden), rel=1e-12
    )


def test_micro_batches_report_what_the_large_batch_reports(tmp_path: Path) -> None:
    options: dict[str, Any] = {"model": net(l1=0.1, l2=0.1), "train__precision": "float64"}
    big = h.metrics_of(h.train(tmp_path, h.config(**options, data__batch_size=24)).run)
    small = h.metrics_of(h.train(tmp_path, h.config(**options, data__batch_size=8, train__accumulate=3)).run)
    for one, other in zip(small, big, strict=True):
        assert one["train"]["loss"] == pytest.approx(other["train"]["loss"], rel=1e-12)


def test_a_larger_penalty_makes_activity_smaller(tmp_path: Path) -> None:
    def activity(**penalty: float) -> float:
        tree = h.config(model=net(**penalty), train__epochs=20)
        run = h.train(tmp_path, tree).run
        trainer = h.trainer(tmp_path, tree)
        trainer.model.store.w[:] = checkpoint.read(run / "checkpoints" / "last.safetensors")[0]["w"]
        p = trainer.model.p.dense1
        return float(np.abs(np.tanh(trainer.data.train.x @ p.W + p.b)).mean())

    assert activity(l1=0.3) < 0.3 * activity()


@pytest.mark.parametrize(("penalty", "method"), [({"l2": 0.5}, "complex step"), ({"l1": 0.5}, "central")])
def test_gradcheck_sees_it(tmp_path: Path, penalty: h.Tree, method: str) -> None:
    found = gradients.gradcheck(h.loaded(tmp_path, h.config(model=net(**penalty))))
    assert found["passed"] is True
    assert {row["method"].startswith(method) for row in found["parameters"]} == {True}


@pytest.mark.parametrize("factor", [0.0, 1.01])
def test_gradcheck_catches_a_wrong_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    right = ActivityPenalty.backward

    def wrong(self: Any, p: Any, g: Any, dy: Any, ctx: Any) -> Any:
        dx = right(self, p, g, dy, ctx)
        return None if dx is None else dy + factor * (dx - dy)

    monkeypatch.setattr(ActivityPenalty, "backward", wrong)
    assert not gradients.gradcheck(h.loaded(tmp_path, h.config(model=net(l2=0.5))))["passed"]


def test_a_search_along_a_line_sees_it(tmp_path: Path) -> None:
    """lbfgs asks for the loss of now, penalties included: it comes to rest in the penalized minimum."""
    optimizer = {"type": "lbfgs", "lr": 1.0}
    tree = h.config(
        model=net(l2=1.0),
        optimizer=optimizer,
        data__batch_size=80,
        train__epochs=60,
        train__precision="float64",
    )
    losses = [line["train"]["loss"] for line in h.metrics_of(h.train(tmp_path, tree).run)]
    assert all(after <= before + 1e-12 for before, after in pairwise(losses))
    assert losses[-1] < losses[0]


def test_a_pass_without_a_gradient_leaves_nothing_behind(tmp_path: Path) -> None:
    """Averaged weights meet the data in training mode: what layers add there is no part of the next step."""
    layers = [{"type": "dense", "units": 6}, "batch_norm", {"type": "activity_penalty", "l2": 1.0}]
    model = {"type": "sequential", "head": "auto", "layers": layers}
    options: dict[str, Any] = {"model": model, "train__precision": "float64"}
    plain = h.metrics_of(h.train(tmp_path, h.config(**options)).run)
    averaged = h.metrics_of(h.train(tmp_path, h.config(**options, train__average={"kind": "ema"})).run)
    assert [line["train"]["loss"] for line in averaged] == [line["train"]["loss"] for line in plain]
