"""Nets that are no chain, from YAML to a trained run: wires, branches, skips, and what the errors say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.errors import ConfigError, Problem
from bpcli.spec.docs import json_schema, manual
from bpcli.spec.load import load, load_resolved, to_yaml
from bpcli.spec.registry import family
from bpcli.train import gradients, session
from bpcli.train.describe import summary
from bpcli.train.saved import Saved
from tests.spec.test_docs import fits
from tests.train import helpers as h


def dense(units: int, name: str, **fields: Any) -> h.Tree:
    return {"type": "dense", "units": units, "activation": "tanh", "name": name, **fields}


#: Two towers over the same columns, one of them with a skip, joined with the columns themselves.
TOWERS: h.Tree = {
    "type": "sequential",
    "head": "auto",
    "layers": [
        dense(6, "left"),
        dense(6, "deeper"),
        {"type": "add", "from": ["left", "deeper"], "name": "left_out"},
        dense(4, "right", **{"from": "input"}),
        "batch_norm",
        {"type": "dropout", "rate": 0.2, "name": "right_out"},
        {"type": "concatenate", "from": ["left_out", "right_out", "input"]},
    ],
}

#: Down and up again, with what was there at each size beside what comes back: Ronneberger et al., 2015.
UNET: h.Tree = {
    "type": "sequential",
    "head": "auto",
    "layers": [
        {"type": "reshape", "shape": [4, 4, 1]},
        {
            "type": "conv2d",
            "filters": 3,
            "kernel": 3,
            "padding": "same",
            "activation": "tanh",
            "name": "down1",
        },
        {"type": "avg_pool2d"},
        {
            "type": "conv2d",
            "filters": 4,
            "kernel": 3,
            "padding": "same",
            "activation": "tanh",
            "name": "down2",
        },
        {"type": "avg_pool2d"},
        {"type": "conv2d", "filters": 5, "kernel": 1, "activation": "tanh"},
        {"type": "upsample2d", "name": "up2"},
        {"type": "concatenate", "from": ["up2", "down2"]},
        {"type": "conv2d", "filters": 4, "kernel": 3, "padding": "same", "activation": "tanh"},
        {"type": "upsample2d", "name": "up1"},
        {"type": "concatenate", "from": ["up1", "down1"]},
        {"type": "conv2d", "filters": 2, "kernel": 3, "padding": "same", "activation": "tanh"},
    ],
}


def write_images(folder: Path) -> None:
    """Rows of 16 pixels, a bright bar in a row or in a column: two classes."""
    rng = np.random.default_rng(0)
    lines = [",".join([*(f"p{i}" for i in range(16)), "y"])]
    for k in range(120):
        image = rng.normal(0.0, 0.3, (4, 4))
        at = int(rng.integers(4))
        image[(at, slice(None)) if k % 2 else (slice(None), at)] += 1.0
        lines.append(",".join([*(f"{v:.4f}" for v in image.ravel()), "hv"[k % 2]]))
    (folder / "data.csv").write_text("\n".join(lines) + "\n")


def config(model: h.Tree, **changes: Any) -> h.Tree:
    return h.config(model=model, **changes)


# --- training ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["towers", "unet"])
def test_backpropagation_is_the_gradient(tmp_path: Path, name: str) -> None:
    if name == "unet":
        write_images(tmp_path)
    found = gradients.gradcheck(h.loaded(tmp_path, config(TOWERS if name == "towers" else UNET)))
    assert found["passed"] is True
    assert found["max_relative_error"] < 1e-10
    assert found["coordinates"]["checked"] == found["coordinates"]["drawn"]


NETS = {
    "towers": TOWERS,
    "unet": UNET,
    "cnn": {"type": "cnn", "filters": [4, 8], "image": [4, 4, 1], "norm": "batch_norm"},
    "resnet": {"type": "resnet", "depth": 6, "widths": [4, 8], "image": [4, 4, 1]},
}


@pytest.mark.parametrize("name", NETS)
def test_it_learns(tmp_path: Path, name: str) -> None:
    if name != "towers":
        write_images(tmp_path)
    tree = config(NETS[name], train__epochs=40, optimizer__lr=0.02)
    outcome = h.train(tmp_path, tree)
    first, *_, last = h.metrics_of(outcome.run)
    assert last["train"]["loss"] < 0.5 * first["train"]["loss"]
    assert last["val"]["accuracy"] >= 0.8


def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole = h.train(tmp_path, config(TOWERS)).run
    part = h.stopped_at(
        10,
        lambda listener: session.train(
            h.loaded(tmp_path, config(TOWERS)), runs_dir=tmp_path / "part", listener=listener
        ),
    )
    assert h.traces(h.resume(part).run) == h.traces(whole)


def test_a_saved_run_predicts(tmp_path: Path) -> None:
    run = h.train(tmp_path, config(TOWERS, train__epochs=1)).run
    rows = list(Saved.open(run).predict(tmp_path / "data.csv"))
    assert len(rows) == 80


def test_no_array_is_made_after_the_second_step(tmp_path: Path) -> None:
    trainer = h.trainer(tmp_path, config(TOWERS))
    trainer.rehearse()
    held = trainer.ctx.nbytes()
    trainer.rehearse()
    assert trainer.ctx.nbytes() == held


def test_the_summary_shows_what_joins_what(tmp_path: Path) -> None:
    layers = {one["name"]: one for one in summary(h.loaded(tmp_path, config(TOWERS)))["layers"]}
    assert layers["concatenate1"]["input"] == [[6], [4], [5]]
    assert layers["concatenate1"]["output"] == [15]
    assert "from=[left_out, right_out, input]" in layers["concatenate1"]["detail"]


# --- the key `from` in the config language --------------------------------------------------------------


def test_from_is_written_back_as_it_was_read(tmp_path: Path) -> None:
    found = h.loaded(tmp_path, config(TOWERS))
    text = to_yaml(found.experiment)
    assert "from_:" not in text
    written: Any = h.loaded(tmp_path, json.loads(json.dumps(found.experiment.model_dump(mode="json"))))
    assert written.experiment == found.experiment
    file = tmp_path / "resolved.yaml"
    file.write_text(text)
    again = load_resolved(file, folder=found.folder)
    assert again.experiment == found.experiment
    assert to_yaml(again.experiment) == text


def test_overrides_set_and_remove_it(tmp_path: Path) -> None:
    overrides = ["model.layers.3.from=left", "~model.layers.2.from"]
    with pytest.raises(ConfigError, match="add joins the outputs of several layers, and gets one"):
        session.prepared_trainer(h.loaded(tmp_path, config(TOWERS), overrides))
    tree: Any = h.loaded(tmp_path, config(TOWERS), overrides).experiment.model_dump(mode="json")
    assert tree["model"]["layers"][3]["from"] == "left"
    assert tree["model"]["layers"][2]["from"] is None


def test_the_schema_and_the_manual_know_it() -> None:
    schema = json_schema()
    dense = schema["$defs"]["layers.dense"]["properties"]
    assert "from" in dense
    assert '"from_"' not in json.dumps(schema)
    layer = schema["$defs"]["layers"]
    assert fits({"type": "add", "from": ["a", "b"]}, layer, schema)
    assert fits({"type": "dense", "units": 3, "from": "a"}, layer, schema)
    assert not fits({"type": "dense", "units": 3, "from": 1}, layer, schema)
    assert not fits({"type": "add", "from": ["a"]}, layer, schema)
    fields = {field.name: field for field in manual(family("layers")["add"]).fields}
    assert fields["from"].type == "text, a list of at least 2, each entry text or null"
    assert "from_" not in fields


HEAD = """\
name: wrong
data:
  source: {type: csv, path: data.csv, target: y}
model:
  type: sequential
  head: auto
  layers:
    - {type: dense, units: 3, name: first}
"""

#: The next line of the file, with «» around what the error points at; the path, the message and the hint.
CASES = {
    "a name that nothing has": (
        "    - {type: dense, units: 3, from: «frist}\n",
        "model.layers[1].from",
        "no earlier layer of this list is named 'frist'",
        "did you mean 'first'?",
    ),
    "one of several": (
        "    - {type: add, from: [first, «inptu]}\n",
        "model.layers[1].from[1]",
        "named 'inptu'",
        "did you mean 'input'?",
    ),
    "shapes that do not fit": (
        "    - «{type: add, from: [first, input]}\n",
        "model.layers[1]",
        "add needs equal shapes and gets (3,), (5,)",
        "concatenate",
    ),
    "a dead end": (
        "    - «{type: dense, units: 3}\n    - {type: dense, units: 3, from: first}\n",
        "model.layers[1]",
        "no later layer takes what 'dense2' gives",
        "give it a name",
    ),
    "a key that is misspelt": (
        "    - {type: dense, units: 3, «form: first}\n",
        "model.layers[1]",
        "unknown key 'form'",
        "did you mean 'from'?",
    ),
    "the key by its name in Python": (
        "    - {type: dense, units: 3, «from_: first}\n",
        "model.layers[1]",
        "unknown key 'from_'",
        "did you mean 'from'?",
    ),
    "a number": (
        "    - {type: dense, units: 3, from: «0}\n",
        "model.layers[1].from",
        "expected text or a list of at least 2, each entry text, got 0",
        "",
    ),
    "a list of one": (
        "    - {type: dense, units: 3, from: «[first]}\n",
        "model.layers[1].from",
        "expected text or a list of at least 2",
        "",
    ),
    "a name for the first layer's input": (
        "    - «{type: dense, units: 3, name: input}\n",
        "model.layers[1]",
        "'input' is the name of what the first layer gets",
        "another name",
    ),
}  # fmt: skip


def refused(folder: Path, text: str) -> Problem:
    h.write_data(folder)
    file = folder / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        session.train(load(file), runs_dir=folder / "runs")
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_at_its_place(tmp_path: Path, case: str) -> None:
    lines, path, said, hint = CASES[case]
    marked = HEAD + lines
    problem = refused(tmp_path, marked.replace("«", ""))
    assert said in problem.message
    assert hint in (problem.hint or "")
    assert problem.path == path
    before = marked[: marked.index("«")]
    assert problem.line == before.count("\n") + 1
    assert problem.column == len(before) - before.rfind("\n")


def test_the_whole_model_has_no_from(tmp_path: Path) -> None:
    problem = refused(tmp_path, HEAD.replace("  head: auto\n", "  head: auto\n  from: first\n"))
    assert "nothing to take its input from" in problem.message
    assert (problem.path, problem.line) == ("model.from", 7)
