"""Parameter groups: rates, decay and freezing by the pattern of names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.errors import ConfigError
from bpcli.runs.folder import RunFolder
from bpcli.train.groups import matches
from tests.train import helpers as h

NET = {
    "type": "sequential",
    "head": "auto",
    "layers": [
        {"type": "dense", "units": 6, "activation": "tanh"},
        {"type": "dense", "units": 5, "activation": "tanh"},
    ],
}


def config(groups: list[h.Tree], **changes: Any) -> h.Tree:
    optimizer = changes.pop("optimizer", {"type": "sgd", "lr": 0.1})
    return h.config(
        model=NET, optimizer=optimizer | {"groups": groups}, train__precision="float64", **changes
    )


def one_step(folder: Path, tree: h.Tree) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """(before, after, trainer): every parameter around the first update of a run."""
    trainer = h.trainer(folder, tree)
    before = named(trainer)
    window = next(trainer._windows())
    with trainer.model.backend.quiet():
        trainer._update(window)
    return before, named(trainer), trainer


def named(trainer: Any) -> dict[str, Any]:
    store = trainer.model.store
    return {".".join((*p.path, p.name)): store.w[p.slice].copy() for p in store.params}


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lion", "lamb"])
def test_a_rate_of_its_own_scales_the_steps_of_a_group(tmp_path: Path, optimizer: str) -> None:
    sort = {"type": optimizer, "lr": 0.1}
    before, plain, _ = one_step(tmp_path, config([], optimizer=sort))
    _, grouped, _ = one_step(tmp_path, config([{"match": "dense2.*", "lr": 0.01}], optimizer=sort))
    for name in before:
        share = 0.1 if name.startswith("dense2") else 1.0
        np.testing.assert_allclose(
            grouped[name] - before[name], share * (plain[name] - before[name]), atol=1e-12
        )


def test_a_decay_of_its_own_takes_the_place_of_the_optimizers(tmp_path: Path) -> None:
    sort = {"type": "sgd", "lr": 0.1, "weight_decay": 0.5}
    before, plain, _ = one_step(tmp_path, config([], optimizer=sort))
    groups = [{"match": "dense1", "weight_decay": 0.0}, {"match": "*.W", "weight_decay": 0.1, "lr": 0.2}]
    _, grouped, trainer = one_step(tmp_path, config(groups, optimizer=sort))
    step = {name: plain[name] - before[name] * (0.95 if name.endswith("W") else 1) for name in before}
    for name, was in before.items():
        if name.startswith("dense1"):
            expected = was + step[name]
        elif name.endswith("W"):
            expected = was * (1 - 0.2 * 0.1) + 2 * step[name]
        else:
            expected = was + step[name]
        np.testing.assert_allclose(grouped[name], expected, atol=1e-13)
    assert {segment.group for segment in trainer.model.store.segments} == {-1, 0, 1}


@pytest.mark.parametrize("match", ["dense1", "dense2.*", "head.b", "*.W"])
def test_what_is_frozen_does_not_move_by_a_bit(tmp_path: Path, match: str) -> None:
    tree = config(
        [{"match": match, "frozen": True}],
        optimizer={"type": "adamw", "lr": 0.1},
        regularize=[{"type": "l2", "rate": 0.1}, {"type": "max_norm", "limit": 0.1}],
        train__clip_norm=1.0,
    )
    trainer = h.trainer(tmp_path, tree)
    before = named(trainer)
    outcome = h.train(tmp_path, tree)
    assert outcome.status == "completed"
    found, _ = RunFolder.open(str(outcome.run), outcome.run.parent, lock=False).load("last")
    trainer.model.store.w[:] = found["w"]
    after = named(trainer)
    frozen = {name for name in before if matches(name, match)}
    assert frozen
    for name in before:
        assert np.array_equal(before[name], after[name]) == (name in frozen), name


def test_nothing_is_computed_below_the_first_trainable_layer(tmp_path: Path) -> None:
    trainer = h.trainer(tmp_path, config([{"match": "dense1", "frozen": True}]))
    p, store = trainer.model.p, trainer.model.store
    assert (p.trainable, p.dense1.trainable, p.dense2.trainable) == (True, False, True)
    store.g[:] = np.nan
    with trainer.model.backend.quiet():
        window = next(trainer._windows())
        trainer.experiment.method.gradient(trainer.model, window[0], 1.0, trainer.ctx)
    assert np.isnan(trainer.model.g.dense1.W).all()  # backward never got there
    assert np.isfinite(trainer.model.g.dense2.W).all()
    trainer._update(window)
    assert not trainer.model.g.dense1.W.any()
    assert np.isfinite(trainer.gradient_norm)


def test_frozen_arrays_lie_together_at_the_end(tmp_path: Path) -> None:
    store = h.trainer(tmp_path, config([{"match": "*.b", "frozen": True}])).model.store
    frozen = [param.frozen for param in store.params]
    assert frozen == sorted(frozen)
    assert sum(segment.frozen for segment in store.segments) == 1


def test_the_first_group_that_matches_counts(tmp_path: Path) -> None:
    groups = [{"match": "dense1.b", "lr": 0.5}, {"match": "dense1", "frozen": True}]
    store = h.trainer(tmp_path, config(groups)).model.store
    found = {".".join((*p.path, p.name)): (p.group, p.frozen) for p in store.params}
    assert found["dense1.b"] == (0, False)
    assert found["dense1.W"] == (1, True)
    assert found["dense2.W"] == (-1, False)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([{"match": "dens1", "lr": 0.1}], "no parameter is named like 'dens1'; did you mean 'dense1'"),
        ([{"match": "zzz*", "lr": 0.1}], "there are dense1.W, dense1.b, dense2.W"),
        (
            [{"match": "dense1", "lr": 0.1}, {"match": "dense1.W", "frozen": True}],
            "all that 'dense1.W' matches belongs to groups before it",
        ),
        ([{"match": "*", "frozen": True}], "every parameter is frozen"),
        ([{"match": "dense1"}], "the group changes nothing"),
        ([{"match": "dense1", "frozen": True, "lr": 0.1}], "frozen parameters have no lr"),
    ],
)
def test_groups_that_cannot_be_meant_are_refused(tmp_path: Path, groups: list[h.Tree], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        h.trainer(tmp_path, config(groups))
    assert message in str(caught.value)
    assert "optimizer.groups" in str(caught.value)


def test_without_groups_the_layout_is_what_it_was(tmp_path: Path) -> None:
    plain = h.trainer(tmp_path, config([])).model.store
    assert len(plain.segments) == 2  # weights, then biases
    assert [param.name for param in plain.params] == ["W"] * 3 + ["b"] * 3


def test_a_run_with_groups_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    tree = config(
        [{"match": "dense1", "frozen": True}, {"match": "head", "lr": 0.05, "weight_decay": 0.1}],
        optimizer={"type": "lamb", "lr": 0.01},
    )
    whole = h.train(tmp_path, tree)
    run = h.stopped_at(10, lambda listener: h.train(tmp_path, tree, listener=listener))
    outcome = h.resume(run)
    assert outcome.metrics == whole.metrics
    assert h.traces(run) == h.traces(whole.run)
