"""What comes after the gradient: max_norm, lbfgs and its search, arrays for lamb, and a rate that watches."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.errors import ConfigError
from tests.train import helpers as h

FULL = {"data__batch_size": 52}  # all training rows


def losses(run: Path) -> list[float]:
    return [row["train"]["loss"] for row in h.metrics_of(run)]


def test_max_norm_holds_after_every_step(tmp_path: Path) -> None:
    tree = h.config(regularize=[{"type": "max_norm", "limit": 0.7}], optimizer={"type": "sgd", "lr": 1.0})
    trainer = h.trainer(tmp_path, tree)
    with trainer.model.backend.quiet():
        for window in trainer._windows():
            trainer._update(window)
            for param in trainer.model.store.params:
                if param.decay:
                    w = trainer.model.store.w[param.slice].reshape(param.shape)
                    assert np.linalg.norm(w, axis=0).max() <= 0.7 * (1 + 1e-6)
    biases = [trainer.model.store.w[p.slice] for p in trainer.model.store.params if not p.decay]
    assert any(b.any() for b in biases)


def test_a_constraint_adds_nothing_to_the_loss(tmp_path: Path) -> None:
    plain = h.train(tmp_path, h.config())
    held = h.train(tmp_path, h.config(regularize=[{"type": "max_norm", "limit": 1e6}]))
    assert losses(held.run) == losses(plain.run)


def test_lamb_steps_array_by_array(tmp_path: Path) -> None:
    trainer = h.trainer(tmp_path, h.config(optimizer={"type": "lamb", "lr": 0.01}))
    assert [len(piece.w) for piece in trainer.update._pieces] == [
        int(np.prod(param.shape)) for param in trainer.model.store.params
    ]
    adam = h.trainer(tmp_path, h.config())
    assert [len(piece.w) for piece in adam.update._pieces] == [adam.model.store.size]


def test_lbfgs_descends_monotonously_and_deep(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"train__epochs": 40, "train__precision": "float64", **FULL}
    found = losses(h.train(tmp_path, h.config(optimizer={"type": "lbfgs"}, **changes)).run)
    assert all(later <= earlier for earlier, later in pairwise(found))
    adam = losses(h.train(tmp_path, h.config(**changes)).run)
    assert found[-1] < 0.2 * adam[-1]


def test_the_search_takes_a_step_back_that_went_too_far(tmp_path: Path) -> None:
    """With a rate a hundred times too large the plain steps blow up, and the searched ones do not."""
    changes: dict[str, Any] = {"train__epochs": 12, "train__precision": "float64", **FULL}
    wild = {"type": "lbfgs", "lr": 100.0}
    searched = losses(h.train(tmp_path, h.config(optimizer=wild, **changes)).run)
    plain = losses(h.train(tmp_path, h.config(optimizer=wild | {"line_search": False}, **changes)).run)
    assert searched[-1] < searched[0]
    assert plain[-1] > 5 * searched[-1]


def test_the_search_leaves_no_trace_but_the_weights(tmp_path: Path) -> None:
    """Batch statistics are committed once a step, however often the loss was looked at."""
    norm = {"type": "batch_norm", "momentum": 0.75}
    net = {"type": "sequential", "head": "auto", "layers": [norm, {"type": "dense", "units": 4}]}
    trainer = h.trainer(tmp_path, h.config(model=net, optimizer={"type": "lbfgs", "lr": 100.0}, **FULL))
    with trainer.model.backend.quiet():
        window = next(trainer._windows())
        x = np.asarray(window[0].x)
        trainer._update(window)
    mean = trainer.model.p.batch_norm1.running_mean
    np.testing.assert_allclose(mean, 0.25 * x.mean(axis=0), atol=1e-6)
    assert trainer.ctx.shared.pending == []


def test_lbfgs_over_accumulated_batches_is_lbfgs_over_all_rows(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"optimizer": {"type": "lbfgs"}, "train__precision": "float64"}
    whole = losses(h.train(tmp_path, h.config(**changes, **FULL)).run)
    parts = losses(h.train(tmp_path, h.config(**changes, train__accumulate=7)).run)
    assert parts == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"optimizer": {"type": "lbfgs"}},
            "each step of lbfgs must see all training rows; set data.batch_size",
        ),
        (
            {"optimizer": {"type": "lbfgs", "groups": [{"match": "head", "lr": 0.1}]}, **FULL},
            "lbfgs takes one step through all weights together",
        ),
        ({"optimizer": {"type": "lbfgs", "weight_decay": 0.1}, **FULL}, "use regularize"),
        (
            {"schedule": {"type": "reduce_on_plateau", "monitor": "val.acuracy"}},
            "schedule.monitor: the run has no metric 'val.acuracy'; did you mean 'val.accuracy'",
        ),
        ({"schedule": {"type": "reduce_on_plateau", "min_lr": 1.0}}, "min_lr (1) is above"),
    ],
)
def test_what_cannot_work_is_refused_before_training(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        h.trainer(tmp_path, h.config(**changes))
    assert message in str(caught.value)


PLATEAU = {
    "type": "reduce_on_plateau",
    "monitor": "train.loss",
    "patience": 1,
    "gamma": 0.5,
    "min_delta": 0.1,
}


def test_the_rate_falls_where_the_metric_stands_still(tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []
    tree = h.config(schedule=PLATEAU, train__epochs=5, optimizer={"type": "sgd", "lr": 1e-6})
    h.train(
        tmp_path,
        tree,
        listener=lambda e: told.append((e["epoch"], e["rate"])) if e["event"] == "step" else None,
    )
    rates = dict(told)
    assert rates == pytest.approx({1: 1e-6, 2: 1e-6, 3: 5e-7, 4: 2.5e-7, 5: 1.25e-7})


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": PLATEAU, "train__epochs": 5, "optimizer": {"type": "sgd", "lr": 1e-3}},
        {"optimizer": {"type": "lbfgs", "history": 2}, "train__epochs": 8, **FULL},
        {"optimizer": {"type": "rprop"}, "train__epochs": 8, **FULL},
        {"optimizer": {"type": "nadam"}, "schedule": "one_cycle"},
        {
            "optimizer": {"type": "radam"},
            "schedule": {"type": "chain", "schedules": ["constant", "linear"], "until": [4]},
        },
        {"optimizer": {"type": "adadelta"}, "regularize": [{"type": "max_norm", "limit": 1.0}]},
        {"optimizer": {"type": "adamax"}, "schedule": {"type": "cyclic", "period": 2}},
    ],
    ids=["plateau", "lbfgs", "rprop", "nadam", "radam, chain", "adadelta, max_norm", "adamax, cyclic"],
)
def test_a_run_stopped_anywhere_goes_on_to_the_same_bits(tmp_path: Path, changes: dict[str, Any]) -> None:
    tree = h.config(**changes)
    whole = h.train(tmp_path, tree)
    steps = h.metrics_of(whole.run)[-1]["step"]
    for step in (1, steps // 2, steps - 1):
        run = h.stopped_at(step, lambda listener: h.train(tmp_path, tree, listener=listener))
        outcome = h.resume(run)
        assert outcome.metrics == whole.metrics
        assert h.traces(run) == h.traces(whole.run)
