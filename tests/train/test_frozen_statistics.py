"""A frozen batch_norm: running statistics in training too, and not a bit of it changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.errors import ConfigError
from bpcli.runs.folder import RunFolder
from bpcli.train import gradients
from tests.train import helpers as h


def config(*groups: h.Tree, bare: bool = False, **changes: Any) -> h.Tree:
    norm = {"type": "batch_norm", "scale": False, "center": False} if bare else "batch_norm"
    layers = [{"type": "dense", "units": 6}, norm, {"type": "activation", "function": "tanh"}]
    layers += [{"type": "dense", "units": 5}, norm, {"type": "activation", "function": "tanh"}]
    model = {"type": "sequential", "head": "auto", "layers": layers}
    optimizer = {"type": "sgd", "lr": 0.1, "groups": list(groups)}
    return h.config(model=model, optimizer=optimizer, train__precision="float64", **changes)


def states(folder: Path, tree: h.Tree) -> dict[str, Any]:
    """Each running statistic after a run, by name."""
    trainer = h.trainer(folder, tree)
    run = h.train(folder, tree).run
    found, _ = RunFolder.open(str(run), run.parent, lock=False).load("last")
    return {".".join((*s.path, s.name)): found["s"][s.slice] for s in trainer.model.store.states}


def moved(folder: Path, tree: h.Tree) -> set[str]:
    """The layers whose running statistics are not those that they began with."""
    found = states(folder, tree)
    first = {name: 1.0 if name.endswith("var") else 0.0 for name in found}
    return {name.rpartition(".")[0] for name, values in found.items() if (values != first[name]).any()}


BOTH = {"batch_norm1", "batch_norm2"}


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize(
    ("match", "still"),
    [
        ("batch_norm1", {"batch_norm1"}),
        ("batch_norm1.*", {"batch_norm1"}),
        ("batch_norm*", BOTH),
        ("*1", {"batch_norm1"}),
        ("dense1", set()),
        ("*.W", set()),
        ("*.b", set()),
    ],
)
def test_the_statistics_of_a_frozen_layer_stay(
    tmp_path: Path, match: str, still: set[str], bare: bool
) -> None:
    assert moved(tmp_path, config({"match": match, "frozen": True}, bare=bare)) == BOTH - still


def test_without_groups_all_statistics_move(tmp_path: Path) -> None:
    assert moved(tmp_path, config()) == BOTH
    assert moved(tmp_path, config({"match": "batch_norm1", "lr": 0.01})) == BOTH


def test_all_parameters_frozen_one_by_one_freeze_the_statistics(tmp_path: Path) -> None:
    gamma, beta = ({"match": f"batch_norm1.{name}", "frozen": True} for name in ("gamma", "beta"))
    assert moved(tmp_path, config(gamma)) == BOTH
    assert moved(tmp_path, config(gamma, beta)) == {"batch_norm2"}


def test_the_first_group_that_matches_counts_for_statistics_too(tmp_path: Path) -> None:
    slow, frozen = {"match": "batch_norm1", "lr": 0.01}, {"match": "batch_norm*", "frozen": True}
    assert moved(tmp_path, config(slow, frozen)) == {"batch_norm1"}
    assert moved(tmp_path, config(frozen | {"match": "*2"}, frozen)) == set()


def test_statistics_alone_can_be_frozen(tmp_path: Path) -> None:
    tree = config({"match": "batch_norm1.running_*", "frozen": True})
    assert moved(tmp_path, tree) == {"batch_norm2"}
    trainer = h.trainer(tmp_path, tree)
    assert not any(param.frozen for param in trainer.model.store.params)
    assert trainer.model.p.batch_norm1.frozen
    assert not trainer.model.p.batch_norm2.frozen


def test_training_uses_the_running_statistics(tmp_path: Path) -> None:
    """So a row of a frozen layer's output does not depend on the other rows of the batch."""
    trainer = h.trainer(tmp_path, config({"match": "batch_norm*", "frozen": True}))
    trainer.model.store.s[:] = np.random.default_rng(0).uniform(0.5, 2.0, trainer.model.store.state_size)
    x = trainer.data.train.x
    training = trainer.model.workspace(training=True)
    evaluation = trainer.model.workspace()
    whole = trainer.model.outputs(x, training).copy()
    assert np.array_equal(whole, trainer.model.outputs(x, evaluation))
    assert np.allclose(whole[:3], trainer.model.outputs(x[:3], training), rtol=0, atol=1e-14)
    assert training.shared.pending == []


def test_gradcheck_agrees(tmp_path: Path) -> None:
    found = gradients.gradcheck(h.loaded(tmp_path, config({"match": "batch_norm1", "frozen": True})))
    assert found["passed"] is True
    assert found["max_relative_error"] < 1e-10


def test_micro_batches_equal_the_large_batch_where_all_statistics_are_frozen(tmp_path: Path) -> None:
    """Which batch_norm otherwise prevents."""
    frozen = {"match": "batch_norm*", "frozen": True}

    def weights(**changes: Any) -> Any:
        run = h.train(tmp_path, config(frozen, **changes)).run
        return RunFolder.open(str(run), run.parent, lock=False).load("last")[0]["w"]

    big, small = weights(data__batch_size=24), weights(data__batch_size=8, train__accumulate=3)
    assert np.abs(small - big).max() <= 1e-12 * np.abs(big).max()


def test_a_rate_for_what_has_no_parameters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no parameter is named like 'batch_norm1'"):
        h.trainer(tmp_path, config({"match": "batch_norm1", "lr": 0.1}, bare=True))


def test_a_run_with_frozen_statistics_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    tree = config({"match": "batch_norm1", "frozen": True})
    whole = h.train(tmp_path, tree)
    run = h.stopped_at(10, lambda listener: h.train(tmp_path, tree, listener=listener))
    h.resume(run)
    assert h.traces(run) == h.traces(whole.run)
