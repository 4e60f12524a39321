"""A net that does not fit together is refused, at the line of the YAML that is to blame."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpcli.errors import ConfigError, DataError, Problem
from bpcli.spec.load import load
from bpcli.train import session
from tests.train import helpers as h

HEAD = """\
name: wrong
data:
  source: {type: csv, path: data.csv, target: y}
  preprocess: [standardize]
"""

#: What is wrong -> the rest of the file, with «» around what the error must point at, and what it says.
CASES = {
    "softmax before cross_entropy": (
        """\
model:
  type: sequential
  layers:
    - {type: dense, units: 4, activation: relu}
    - «{type: dense, units: 3, activation: softmax}
loss: cross_entropy
""",
        "model.layers[1]",
        "the net ends in softmax, but cross_entropy takes logits",
        "remove the softmax",
    ),
    "softmax behind dropout": (
        """\
model:
  type: sequential
  layers:
    - «{type: dense, units: 3, activation: softmax}
    - {type: dropout, rate: 0.1}
    - {type: activity_penalty, l1: 0.1}
loss: cross_entropy
""",
        "model.layers[0]",
        "the net ends in softmax, but cross_entropy takes logits",
        "remove the softmax",
    ),
    "softmax in a list within the list": (
        """\
model:
  type: sequential
  layers:
    - {type: dense, units: 4}
    - type: sequential
      layers:
        - {type: dense, units: 3}
        - «{type: activation, function: softmax}
        - {type: gaussian_noise, std: 0.1}
""",
        "model.layers[1].layers[1]",
        "the net ends in softmax, but cross_entropy takes logits",
        "remove the softmax",
    ),
    "a width that is not the number of classes": (
        """\
model:
  type: sequential
  layers:
    - {type: dense, units: 4}
    - «{type: dense, units: 5}
""",
        "model.layers[1]",
        "the last layer gives 5, but cross_entropy needs 3 (3 classes)",
        "units: 3",
    ),
    "two layers of one name": (
        """\
model:
  type: sequential
  head: auto
  layers:
    - {type: dense, units: 4, name: twin}
    - {type: dropout, rate: 0.1}
    - «{type: dense, units: 4, name: twin}
""",
        "model.layers[2]",
        "two layers are named 'twin'",
        "a name of its own",
    ),
    "a residual that changes the width": (
        """\
model:
  type: sequential
  head: auto
  layers:
    - {type: dense, units: 4}
    - «type: residual
      layers:
        - {type: dense, units: 6}
""",
        "model.layers[1]",
        "cannot be added to the input",
        "projection: true",
    ),
    "an error two levels down": (
        """\
model:
  type: sequential
  head: auto
  layers:
    - type: residual
      layers:
        - «type: residual
          layers: [{type: dense, units: 9}]
""",
        "model.layers[0].layers[0]",
        "cannot be added to the input",
        "projection: true",
    ),
    "a metric for other targets": (
        """\
model: {type: mlp}
metrics: [accuracy, «r2]
""",
        "metrics[1]",
        "r2 cannot be used with a target of classes",
        "values",
    ),
    "early stopping on what is not there": (
        """\
model: {type: mlp}
early_stop: «{monitor: val.acuracy}
""",
        "early_stop",
        "no metric 'val.acuracy'",
        "did you mean 'val.accuracy'",
    ),
    "a class weight for a label that does not occur": (
        """\
model: {type: mlp}
loss: {type: cross_entropy, class_weight: «{nobody: 2.0}}
""",
        "loss.class_weight",
        "does not occur: nobody",
        "the labels are u, v, w",
    ),
    "a schedule that does not fit the rate": (
        """\
model: {type: mlp}
optimizer: {type: sgd, lr: 0.01}
schedule: {type: cosine, min_lr: «0.5}
""",
        "schedule.min_lr",
        "above the optimizer's lr",
        "lower min_lr",
    ),
}  # fmt: skip


def refused(folder: Path, text: str) -> Problem:
    h.write_data(folder)
    marked = HEAD + text
    file = folder / "wrong.yaml"
    file.write_text(marked.replace("«", ""))
    with pytest.raises(ConfigError) as caught:
        session.train(load(file), runs_dir=folder / "runs")
    assert caught.value.exit_code == 2
    assert not (folder / "runs").exists(), "nothing is begun"
    (problem,) = caught.value.problems
    assert problem.file == str(file)
    return problem


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_at_its_place(tmp_path: Path, case: str) -> None:
    text, path, said, hint = CASES[case]
    problem = refused(tmp_path, text)
    assert said in problem.message
    assert hint in (problem.hint or "")
    assert problem.path == path
    marked = HEAD + text
    before = marked[: marked.index("«")]
    assert problem.line == before.count("\n") + 1
    assert problem.column == len(before) - before.rfind("\n")


def test_a_loss_for_other_targets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the loss takes values, but target 'y' is text; choose a loss for"):
        h.train(tmp_path, h.config(loss="huber"))


def test_probabilities_are_predicted_without_a_softmax_in_the_net(tmp_path: Path) -> None:
    """What the refusal promises."""
    from bpcli.train.saved import Saved

    run = h.train(tmp_path, h.config(train__epochs=1)).run
    for row in Saved.open(run).predict(tmp_path / "data.csv"):
        assert sum(row["probabilities"].values()) == pytest.approx(1.0, abs=1e-6)
        assert row["prediction"] == max(row["probabilities"], key=row["probabilities"].get)


@pytest.mark.parametrize(
    ("target", "loss", "units"),
    [
        ("classes", "cross_entropy", 3), ("classes", "mse", 3), ("classes", "hinge", 3),
        ("values", "mse", 1), ("values", "mae", 1),
    ],
)  # fmt: skip
def test_an_automatic_head_has_the_width_that_target_and_loss_ask_for(
    tmp_path: Path, target: str, loss: str, units: int
) -> None:
    h.write_data(tmp_path, target=target)
    metrics = ["accuracy"] if target == "classes" else ["r2"]
    model = h.trainer(tmp_path, h.config(loss=loss, metrics=metrics)).model
    assert model.output == (units,)
    assert [".".join(built.path) for built in model.built] == ["flatten1", "dense1", "head"]
