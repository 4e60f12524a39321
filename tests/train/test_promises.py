"""What a user would take for granted, and once was not so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.errors import BpcliError, CheckpointError, ConfigError
from bpcli.runs.folder import RunFolder
from bpcli.train.gradients import gradcheck
from bpcli.train.saved import Saved
from tests.train import helpers as h


def refused(folder: Path, match: str, **changes: Any) -> BpcliError:
    with pytest.raises(BpcliError, match=match) as caught:
        h.trainer(folder, h.config(**changes))
    assert caught.value.exit_code == 2
    return caught.value


@pytest.mark.parametrize("monitor", ["val.accuracy", "train.loss"])
def test_early_stopping_restores_the_best_weights_of_what_it_watches(tmp_path: Path, monitor: str) -> None:
    tree = h.config(
        train__epochs=40, optimizer__lr=0.3, early_stop={"monitor": monitor, "patience": 2}, seed=5
    )
    outcome = h.train(tmp_path, tree)
    part, label = monitor.split(".")
    values = [line[part][label] for line in h.metrics_of(outcome.run)]
    best = max(values) if label == "accuracy" else min(values)
    assert outcome.status == "early_stopped" and values[-1] != best
    assert outcome.metrics[part][label] == best
    assert Saved.open(outcome.run).meta["epoch"] == values.index(best) + 1


def test_a_named_checkpoint_monitor_wins_over_early_stopping(tmp_path: Path) -> None:
    early = {"monitor": "val.accuracy", "patience": 2}
    tree = h.config(early_stop=early, checkpoint={"monitor": "train.loss"})
    assert h.trainer(tmp_path, tree).monitor.name == "train.loss"


def test_another_metric_to_watch_begins_anew(tmp_path: Path) -> None:
    run = h.train(tmp_path, h.config(early_stop={"monitor": "val.loss", "patience": 50})).run
    changed = h.trainer(tmp_path, h.config(early_stop={"monitor": "val.accuracy", "patience": 50}))
    same = h.trainer(tmp_path, h.config(early_stop={"monitor": "val.loss", "patience": 50}))
    state = RunFolder.open(str(run), run.parent, lock=False).load("last")
    changed.restore(*state)
    same.restore(*state)
    assert same.hooks.memories[0]["best"] is not None
    assert changed.hooks.memories[0]["best"] is None


def test_the_head_of_an_mlp_takes_its_penalties_and_its_initializer(tmp_path: Path) -> None:
    model = h.trainer(
        tmp_path, h.config(model={"type": "mlp", "hidden": [], "l2": 0.5, "init": "zeros"})
    ).model
    head = model.built[-1]
    assert head.path == ("head",) and head.layer.l2 == 0.5  # pyright: ignore[reportAttributeAccessIssue]
    assert not model.p["head"].W.any()


def test_options_of_hidden_layers_need_some(tmp_path: Path) -> None:
    refused(tmp_path, "there is none", model={"type": "mlp", "hidden": [], "dropout": 0.5})


def test_cross_entropy_takes_probabilities_and_no_other_columns(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = rng.dirichlet([1, 1], size=30)
    lines = [
        f"{a:.4f},{b:.4f},{q[0]:.6f},{q[1]:.6f}"
        for (a, b), q in zip(rng.normal(size=(30, 2)), rows, strict=True)
    ]
    (tmp_path / "data.csv").write_text("\n".join(["a,b,p,q", *lines]) + "\n")
    source = {"type": "csv", "path": "data.csv", "target": ["p", "q"]}
    tree = h.config(data__source=source, metrics=None)
    assert h.trainer(tmp_path, tree).model.output == (2,)
    refused(
        tmp_path,
        "negative|unnormalised",
        data__source=source,
        metrics=None,
        data__target_transform="standardize",
    )


def test_ignore_index_is_a_class(tmp_path: Path) -> None:
    error = refused(tmp_path, "no class here", loss={"type": "cross_entropy", "ignore_index": 7})
    assert "0 is u" in str(error)


def test_a_model_of_one_layer_can_be_checked(tmp_path: Path) -> None:
    report = gradcheck(h.loaded(tmp_path, h.config(model={"type": "dense", "units": 3})))
    assert report["passed"] and report["parameters"][0]["layer"] == "dense1"


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"schedule": {"type": "constant", "warmup": float("inf")}}, "warmup"),
        ({"train__threads": 100_000}, "threads"),
        ({"train__accumulate": 10**12}, "accumulate"),
        ({"model": {"type": "mlp", "hidden": [10**12]}}, "GiB"),
        ({"loss": {"type": "cross_entropy", "class_weight": {"u": 0, "v": 0, "w": 0}}}, "0 for every label"),
        (
            {"model": {"type": "sequential", "head": "auto", "layers": [
                {"type": "sequential", "head": "auto", "layers": [{"type": "dense", "units": 2}]}]}},
            "whole model",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_anything_is_made(
    tmp_path: Path, changes: dict[str, Any], match: str
) -> None:
    refused(tmp_path, match, **changes)
    assert not (tmp_path / "runs").exists()


def test_a_run_cannot_be_made_shorter_than_it_is(tmp_path: Path) -> None:
    run = h.train(tmp_path, h.config()).run
    with pytest.raises(ConfigError, match="3 epochs behind it"):
        h.resume(run, ["train.epochs=2"])


def test_a_net_that_was_changed_after_training_is_refused(tmp_path: Path) -> None:
    run = h.train(tmp_path, h.config()).run
    resolved = run / "resolved.yaml"
    resolved.write_text(resolved.read_text().replace("type: tanh", "type: relu"))
    for use in (Saved.open, h.resume):
        with pytest.raises(CheckpointError, match="another net or loss"):
            use(run)  # pyright: ignore[reportArgumentType]


def test_a_damaged_best_does_not_end_a_resume(tmp_path: Path) -> None:
    run = h.train(tmp_path, h.config()).run
    best = run / "checkpoints" / "best.safetensors"
    best.write_bytes(best.read_bytes()[:100])
    notes: list[str] = []
    outcome = h.resume(run, listener=lambda event: notes.append(str(event.get("message"))))
    assert outcome.status == "completed"
    assert any("result is that of the last weights" in note for note in notes)


def test_a_best_that_is_gone_is_not_replaced_in_silence(tmp_path: Path) -> None:
    run = h.train(tmp_path, h.config()).run
    (run / "checkpoints" / "best.safetensors").unlink()
    with pytest.raises(CheckpointError, match="is gone"):
        Saved.open(run)
    assert Saved.open(run, checkpoint="last").checkpoint == "last"


def test_predicting_leaves_the_callers_warnings_alone(tmp_path: Path) -> None:
    run = h.train(tmp_path, h.config()).run
    before = np.geterr()
    for _ in Saved.open(run).predict(tmp_path / "data.csv"):
        assert np.geterr() == before
