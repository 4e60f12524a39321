"""Averaged weights: what the mean is, that it is evaluated and kept, and that a resume keeps it too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.runs.folder import RunFolder
from bpcli.train.saved import Saved
from tests.train import helpers as h

NORM = {
    "type": "sequential",
    "head": "auto",
    "layers": [{"type": "dense", "units": 6}, "batch_norm", {"type": "activation", "function": "tanh"}],
}


def config(**changes: Any) -> h.Tree:
    return h.config(train__precision="float64", optimizer={"type": "sgd", "lr": 0.3}, **changes)


def weights_of_every_step(folder: Path, tree: h.Tree) -> tuple[list[Any], list[Any], Any]:
    """(w after each step, w at each epoch's end, the arrays of the last checkpoint)."""
    steps: list[Any] = []
    trainer = h.trainer(folder, tree)
    with trainer.model.backend.quiet():
        ends: list[Any] = []
        for _ in range(3):
            for window in trainer._windows():
                trainer._update(window)
                steps.append(trainer.model.store.w.copy())
            trainer.epoch, trainer.batch = trainer.epoch + 1, 0
            ends.append(steps[-1])
    run = h.train(folder, tree).run
    arrays, _ = RunFolder.open(str(run), run.parent, lock=False).load("last")
    return steps, ends, arrays


@pytest.mark.parametrize("start", [0, 1])
def test_ema_is_the_moving_mean_over_steps(tmp_path: Path, start: int) -> None:
    tree = config(train__average={"decay": 0.8, "start": start})
    first = h.trainer(tmp_path, tree).model.store.w.copy()
    steps, _, arrays = weights_of_every_step(tmp_path, tree)
    mean = first if not start else steps[7 * start - 1]
    for w in steps[7 * start :]:
        mean = 0.8 * mean + 0.2 * w
    np.testing.assert_allclose(arrays["average.w"], mean, rtol=1e-12, atol=1e-14)
    assert np.array_equal(arrays["w"], steps[-1])  # training itself went on as without


@pytest.mark.parametrize("start", [0, 1])
def test_swa_is_the_plain_mean_over_epochs(tmp_path: Path, start: int) -> None:
    _, ends, arrays = weights_of_every_step(tmp_path, config(train__average={"kind": "swa", "start": start}))
    np.testing.assert_allclose(arrays["average.w"], np.mean(ends[start:], axis=0), rtol=1e-12, atol=1e-14)


def test_before_its_start_the_mean_is_the_weights_themselves(tmp_path: Path) -> None:
    tree = config(train__average={"start": 99}, model=NORM)
    plain = h.train(tmp_path, config(model=NORM))
    assert h.metrics_of(h.train(tmp_path, tree).run) == h.metrics_of(plain.run)


@pytest.mark.parametrize("monitor", ["val.loss", "train.loss"])
def test_what_is_evaluated_is_the_mean_and_so_is_what_predicts(tmp_path: Path, monitor: str) -> None:
    tree = config(train__average={"decay": 0.9}, model=NORM, checkpoint={"monitor": monitor})
    outcome = h.train(tmp_path, tree)
    plain = h.train(tmp_path, config(model=NORM))
    assert [row["train"] for row in h.metrics_of(outcome.run)] == [
        row["train"] for row in h.metrics_of(plain.run)
    ]
    assert h.metrics_of(outcome.run)[-1]["val"] != h.metrics_of(plain.run)[-1]["val"]
    saved = Saved.open(outcome.run)
    arrays, _ = RunFolder.open(str(outcome.run), outcome.run.parent, lock=False).load("best")
    assert np.array_equal(saved.model.store.w, arrays["average.w"])
    assert np.array_equal(saved.model.store.s, arrays["average.s"])
    for part in ("val", "test"):
        assert saved.evaluate(part)["metrics"] == pytest.approx(outcome.metrics[part], rel=1e-12)


def test_batch_statistics_are_those_of_the_averaged_weights(tmp_path: Path) -> None:
    """The mean of the first layer's outputs over the training part, up to what momentum .5 forgets."""
    net = NORM | {"layers": [{"type": "dense", "units": 6}, {"type": "batch_norm", "momentum": 0.5}]}
    tree = config(train__average={"decay": 0.95}, model=net, data__batch_size=52)
    run = h.train(tmp_path, tree).run
    trainer = h.trainer(tmp_path, tree)
    arrays, _ = RunFolder.open(str(run), run.parent, lock=False).load("last")
    p = trainer.model.store.view(arrays["average.w"], arrays["average.s"])
    raw = trainer.model.store.view(arrays["w"], arrays["s"])
    mean = (trainer.data.train.x @ p.dense1.W + p.dense1.b).mean(axis=0)
    expected = 0.5 * raw.batch_norm1.running_mean + 0.5 * mean
    np.testing.assert_allclose(p.batch_norm1.running_mean, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("average", [{"decay": 0.9}, {"kind": "swa", "start": 1}])
def test_a_run_stopped_anywhere_goes_on_to_the_same_bits(tmp_path: Path, average: h.Tree) -> None:
    layers = [*NORM["layers"], {"type": "dropout", "rate": 0.2}]
    tree = config(train__average=average, model=NORM | {"layers": layers})
    whole = h.train(tmp_path, tree)
    for step in (3, 7, 14, 20):
        run = h.stopped_at(step, lambda listener: h.train(tmp_path, tree, listener=listener))
        outcome = h.resume(run)
        assert outcome.metrics == whole.metrics
        assert h.traces(run) == h.traces(whole.run)


def test_averaging_makes_a_noisy_run_better(tmp_path: Path) -> None:
    noisy: dict[str, Any] = {"train__epochs": 30, "data__batch_size": 2}
    loss = lambda **more: h.train(tmp_path, config(**noisy, **more)).metrics["train"]["loss"]  # noqa: E731
    val = lambda **more: h.metrics_of(h.train(tmp_path, config(**noisy, **more)).run)[-1]["val"]["loss"]  # noqa: E731
    assert val(train__average={"kind": "swa", "start": 5}) < val()
    assert loss(train__average={"kind": "swa", "start": 40}) == loss()
