"""`transfer.preprocess`: what another run's preprocessing has learnt, for columns that are the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bpcli.errors import DataError
from tests.train import helpers as h
from tests.train.transfers import NET, config, pretrained, refused, started

__all__ = ["pretrained"]  # a fixture


def test_preprocessing_is_fitted_anew_unless_asked_for(tmp_path: Path, source: Path) -> None:
    theirs = json.loads((source / "pipeline.json").read_text())["steps"]
    assert started(tmp_path, config()).data.pipeline.steps[0].fitted != theirs[0]["fitted"]
    trainer = started(tmp_path, config(preprocess=True))
    assert trainer.data.pipeline.steps[0].fitted == theirs[0]["fitted"]
    assert abs(float(trainer.data.train.x.mean())) > 1e-4, "it is not of this training part"


def test_the_scale_of_a_target_is_taken_over_too(tmp_path: Path) -> None:
    h.write_data(tmp_path, target="values")
    values = {"loss": "mse", "metrics": ["rmse"], "data__target_transform": "standardize"}
    run = h.train(tmp_path, h.config(name="pretrained", **values)).run
    theirs = json.loads((run / "pipeline.json").read_text())["target_step"]
    tree = h.config(seed=8, transfer={"from": "pretrained", "preprocess": True}, **values)
    step = started(tmp_path, tree).data.pipeline.target_step
    assert step.fitted == theirs["fitted"]
    tree["transfer"]["preprocess"] = False
    assert started(tmp_path, tree).data.pipeline.target_step.fitted != theirs["fitted"]
    tree["transfer"]["preprocess"] = True
    tree["data"]["target_transform"] = "min_max"
    said = str(refused(tmp_path, tree))
    assert "data.target_transform: the other run has standardize, and here there is min_max" in said


def rewritten(folder: Path, change: Any) -> None:
    lines = [line.split(",") for line in (folder / "data.csv").read_text().split()]
    (folder / "data.csv").write_text(
        "\n".join(",".join(change(i, line)) for i, line in enumerate(lines)) + "\n"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i, c: [c[1], c[0], *c[2:]], "another order, from 'b' on"),
        (lambda i, c: c[1:], "a missing"),
        (lambda i, c: ["f" if not i else "1", *c], "f not there"),
        (lambda i, c: ["x" if not i else c[0], *c[1:]], "a missing, x not there"),
    ],
)
def test_for_other_columns_it_is_refused(tmp_path: Path, source: Path, change: Any, message: str) -> None:
    rewritten(tmp_path, change)
    error = refused(tmp_path, config(preprocess=True))
    assert isinstance(error, DataError)
    assert "transfer.preprocess: the columns are not those of the other run" in str(error)
    assert message in str(error)


def test_columns_of_another_kind_are_refused(tmp_path: Path) -> None:
    encode = {"data__preprocess": ["one_hot", "standardize"]}
    h.write_data(tmp_path)
    h.train(tmp_path, h.config(model=NET, name="pretrained", **encode))
    rewritten(tmp_path, lambda i, c: [c[0] if not i else "pq"[i % 2], *c[1:]])
    said = str(refused(tmp_path, config(preprocess=True, **encode)))
    assert "column 'a' is text here, and in the other run numbers" in said


def test_another_list_of_transforms_is_refused(tmp_path: Path, source: Path) -> None:
    said = str(refused(tmp_path, config(preprocess=True, data__preprocess=["min_max"])))
    assert "data.preprocess: the other run has standardize, and here there is min_max" in said
    said = str(refused(tmp_path, config(preprocess=True, data__preprocess=None)))
    assert "and here there is none" in said
