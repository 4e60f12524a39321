"""`transfer`: beginning with the weights of another run, and doing without it afterwards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.errors import CheckpointError, ConfigError
from bpcli.runs import checkpoint
from bpcli.spec.load import load
from bpcli.train.saved import Saved
from bpcli.train.seeds import train_seeds
from bpcli.train.transfer import open_source
from tests.train import helpers as h
from tests.train.transfers import NET, arrays, config, pretrained, refused, started

__all__ = ["pretrained"]  # a fixture

# --- what is taken -------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["best", "last"])
def test_weights_and_states_are_those_of_the_checkpoint(tmp_path: Path, source: Path, which: str) -> None:
    there = arrays(Saved.open(source, checkpoint=which).model)
    here = arrays(started(tmp_path, config(checkpoint=which)).model)
    assert set(here) == set(there) and any("batch_norm1" in name and "mean" in name for name in here)
    for name in there:
        assert np.array_equal(here[name], there[name]), name


def test_another_head_keeps_its_own_first_values(tmp_path: Path, source: Path) -> None:
    one = [{"type": "dense", "units": 7}, "batch_norm", {"type": "dense", "units": 5, "activation": "tanh"}]
    tree = config(model={**NET, "layers": one})
    own = arrays(h.trainer(tmp_path, {k: v for k, v in tree.items() if k != "transfer"}).model)
    there = arrays(Saved.open(source).model)
    trainer = started(tmp_path, tree)
    here = arrays(trainer.model)
    taken = {name for name in here if name.startswith("head.")}
    for name in here:
        assert np.array_equal(here[name], (there if name in taken else own)[name]), name
    [note] = [note for note in trainer.data.notes if note.startswith("taken over")]
    assert note.endswith(
        ": head; with first values of their own: dense1 (5 × 7 here, 5 × 6 there), "
        "batch_norm1 (7 here, 6 there), dense2 (7 × 5 here, 6 × 5 there)."
    )  # dense2.b alone would fit, but a bias without its weights is of no use


def test_patterns_choose_and_skip(tmp_path: Path, source: Path) -> None:
    there, tree = arrays(Saved.open(source).model), config(match=["dense*", "batch_norm1"], skip="dense2")
    own = arrays(h.trainer(tmp_path, {k: v for k, v in tree.items() if k != "transfer"}).model)
    here = arrays(started(tmp_path, tree).model)
    for name in here:
        expected = there if name.startswith(("dense1", "batch_norm1")) else own
        assert np.array_equal(here[name], expected[name]), name


def test_averaged_weights_are_those_that_the_run_predicts_with(tmp_path: Path) -> None:
    average = {"kind": "ema", "decay": 0.9}
    run = h.train(tmp_path, h.config(model=NET, name="averaged", train__average=average)).run
    there = arrays(Saved.open(run, checkpoint="last").model)
    trainer = started(tmp_path, config("averaged", checkpoint="last", train__average=average))
    here = arrays(trainer.model)
    assert all(np.array_equal(here[name], there[name]) for name in there)
    assert np.array_equal(trainer.average.arrays["average.w"], trainer.model.store.w), (
        "the mean begins there too"
    )


def test_into_another_precision(tmp_path: Path, source: Path) -> None:
    there = arrays(Saved.open(source).model)
    trainer = started(tmp_path, config(train__precision="float64"))
    assert trainer.model.store.w.dtype == np.float64
    assert all(np.array_equal(array, there[name]) for name, array in arrays(trainer.model).items())


def test_an_array_that_the_groups_order_otherwise(tmp_path: Path, source: Path) -> None:
    """The vectors have another order where something is frozen: what counts are the names."""
    groups = [{"match": "dense1", "frozen": True}]
    tree = config(optimizer={"type": "adam", "groups": groups})
    there, trainer = arrays(Saved.open(source).model), started(tmp_path, tree)
    assert trainer.model.store.layout() != Saved.open(source).model.store.layout()
    assert all(np.array_equal(array, there[name]) for name, array in arrays(trainer.model).items())
    run = h.train(tmp_path, tree).run
    after = arrays(Saved.open(run, checkpoint="last").model)
    for name in there:
        assert np.array_equal(after[name], there[name]) == name.startswith("dense1"), name


def test_the_run_says_where_it_came_from(tmp_path: Path, source: Path) -> None:
    notes: list[str] = []
    run = h.train(tmp_path, config(skip="head"), listener=lambda e: notes.append(str(e.get("message")))).run
    found = json.loads((run / "run.json").read_text())["transfer"]
    best = (source / "checkpoints" / "best.safetensors").read_bytes()
    assert found["digest"].encode() in best
    assert (found["run"], found["checkpoint"]) == (source.name, "best")
    assert found["taken"][:2] == ["dense1.W", "dense1.b"] and found["kept"] == ["head.W", "head.b"]
    assert any(note.startswith(f"taken over from {source.name} (best, epoch ") for note in notes)


def test_a_head_for_other_labels_is_noted(tmp_path: Path, source: Path) -> None:
    select = {"column": "y", "values": ["u", "v"]}
    assert not [n for n in started(tmp_path, config()).data.notes if "was trained for" in n]
    data = (tmp_path / "data.csv").read_text()
    (tmp_path / "data.csv").write_text(data.replace(",u\n", ",t\n"))
    notes = started(tmp_path, config()).data.notes
    assert any("head was trained for u, v, w, and is now for t, v, w" in note for note in notes)
    notes = started(tmp_path, config(data__select=select | {"values": ["t", "v"]})).data.notes
    assert not [n for n in notes if "was trained for" in n], "another shape, so it was not taken"


def test_inputs_in_another_order_are_noted(tmp_path: Path, source: Path) -> None:
    lines = [line.split(",") for line in (tmp_path / "data.csv").read_text().split()]
    (tmp_path / "data.csv").write_text("\n".join(",".join([b, a, *rest]) for a, b, *rest in lines) + "\n")
    assert any(
        "The inputs have not the names, or not the order" in n for n in started(tmp_path, config()).data.notes
    )


# --- where it is found ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["name", "beginning", "latest", "from the config", "absolute"])
def test_ways_to_name_the_run(tmp_path: Path, source: Path, form: str) -> None:
    ref = {
        "name": source.name, "beginning": "pretr", "latest": "latest",
        "from the config": f"runs/{source.name}", "absolute": str(source),
    }[form]  # fmt: skip
    found = open_source(h.loaded(tmp_path, config(ref)), tmp_path / "runs")
    assert found is not None and found.path == source.resolve()


def test_in_a_series_latest_is_what_it_was_at_the_start(tmp_path: Path, source: Path) -> None:
    series = train_seeds(h.loaded(tmp_path, config("latest")), 3, runs_dir=tmp_path / "runs")
    found = [json.loads((outcome.run / "run.json").read_text()) for outcome in series.outcomes.values()]
    assert [info["transfer"]["run"] for info in found] == [source.name] * 3


# --- what is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transfer", "message"),
    [
        ({"source": "pretraind"}, "transfer.from: there is no run 'pretraind'; did you mean"),
        ({"source": "."}, "transfer.from: .: this is not a run folder"),
        (
            {"match": ["dense1", "dens2"]},
            "transfer.match[1]: nothing here is named like 'dens2'; did you mean 'dense2'?",
        ),
        ({"skip": ["haed"]}, "transfer.skip[0]: nothing here is named like 'haed'; did you mean 'head'?"),
        ({"match": []}, "transfer.match"),
        ({"checkpoint": "prev"}, "transfer.checkpoint"),
        ({"source": ""}, "transfer.from"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_place(
    tmp_path: Path, source: Path, transfer: dict[str, Any], message: str
) -> None:
    said = str(refused(tmp_path, config(**transfer)))
    assert message in said and "config.yaml:" in said


def test_what_is_named_must_fit(tmp_path: Path, source: Path) -> None:
    layers = [
        {"type": "dense", "units": 7},
        "batch_norm",
        {"type": "dense", "units": 5},
        {"type": "dense", "units": 4},
    ]
    model = {**NET, "layers": layers}
    said = str(refused(tmp_path, config(model=model, match=["*", "dense1"])))
    assert (
        f"transfer.match[1]: 'dense1' names dense1.W, which cannot be taken from {source.name}: 5 × 7 here"
        in said
    )
    said = str(refused(tmp_path, config(model=model, match="dense3")))
    assert "'dense3' names dense3.W" in said and "not there" in said


def test_something_must_be_taken(tmp_path: Path, source: Path) -> None:
    model = {"type": "sequential", "head": "auto", "layers": [{"type": "dense", "units": 9, "name": "other"}]}
    said = str(refused(tmp_path, config(model=model)))
    assert f"nothing of {source.name} has the name and the shape of what is here" in said


@pytest.mark.parametrize("damage", ["cut", "flip", "gone", "pipeline"])
def test_a_damaged_source_is_refused(tmp_path: Path, source: Path, damage: str) -> None:
    best = source / "checkpoints" / "best.safetensors"
    data = bytearray(best.read_bytes())
    if damage == "gone":
        best.unlink()
    elif damage == "pipeline":
        text = (source / "pipeline.json").read_text()
        (source / "pipeline.json").write_text(text.replace('"width":0', '"width":1'))
    else:
        data[-1] ^= 1
        best.write_bytes(data[:-9] if damage == "cut" else data)
    assert isinstance(refused(tmp_path, config()), CheckpointError)


# --- resuming ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preprocess", [False, True])
def test_a_resume_does_without_the_other_run(tmp_path: Path, source: Path, preprocess: bool) -> None:
    tree = config(preprocess=preprocess, skip="head")
    whole = h.train(tmp_path, tree)
    run = h.stopped_at(1, lambda listener: h.train(tmp_path, tree, listener=listener))
    shutil.rmtree(source)
    for step in (2, 7, 13):
        h.stopped_at(step, lambda listener: h.resume(run, listener=listener))
    outcome = h.resume(run)
    assert outcome.metrics == whole.metrics
    assert h.traces(run) == h.traces(whole.run)
    assert Saved.open(run).evaluate("test")["metrics"] == outcome.metrics["test"]


def test_killed_before_the_first_step_it_has_a_checkpoint(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = config(skip="head")
    whole = h.train(tmp_path, tree)

    def killed(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr("bpcli.train.hooks.Hooks.before_epoch", killed)
        h.train(tmp_path, tree)
    [run] = [run for run in (tmp_path / "runs").glob("small-*") if run != whole.run]
    assert checkpoint.verify(run / "checkpoints" / "last.safetensors")["step"] == 0
    shutil.rmtree(source)
    h.resume(run)
    assert h.traces(run) == h.traces(whole.run)


def test_killed_before_any_checkpoint_it_needs_the_same_source(tmp_path: Path, source: Path) -> None:
    tree = config(skip="head")
    whole = h.train(tmp_path, tree)
    run = h.stopped_at(3, lambda listener: h.train(tmp_path, tree, listener=listener))
    for file in (run / "checkpoints").iterdir():
        file.unlink()
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    h.resume(run)
    assert h.traces(run) == h.traces(whole.run)
    best = source / "checkpoints" / "best.safetensors"
    found, meta = checkpoint.read(best)
    checkpoint.write(best, {**found, "w": found["w"] * 2}, meta)
    with pytest.raises(CheckpointError, match="is gone or has changed, and there is no checkpoint yet"):
        h.resume(copy)


def test_a_resume_cannot_change_it(tmp_path: Path, source: Path) -> None:
    run = h.train(tmp_path, config()).run
    with pytest.raises(ConfigError, match="transfer"):
        h.resume(run, ["transfer.skip=head"])


def test_one_pattern_or_a_list(tmp_path: Path, source: Path) -> None:
    tree = config(match="dense*", skip=["dense2", "head"])
    run = h.train(tmp_path, tree).run
    for file in (tmp_path / "config.yaml", run / "resolved.yaml"):
        section = load(file).experiment.transfer
        assert section is not None
        assert (section.from_, section.match, section.skip) == ("pretrained", ("dense*",), ("dense2", "head"))
