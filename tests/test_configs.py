"""Every shipped config: it says what it shows, it trains, and its gradients are right."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bpcli.files import shipped_configs
from bpcli.spec.load import load
from bpcli.train import gradients, session

CONFIGS = shipped_configs()
every_config = pytest.mark.parametrize("name", sorted(CONFIGS))
#: What makes the large ones small enough to be tried here.
SMALLER = {
    "mnist-mlp": ["model.hidden=[32, 16]", "data.split.train=0.1"],
    "mnist-mlp-elastic": ["model.hidden=[32, 16]", "data.split.train=0.1"],
    "mnist5k-cnn": ["model.filters=[4, 8]", "model.dense=[16]", "data.split.train=0.1"],
    "mnist5k-0to4": ["model.filters=[4, 8]", "model.dense=[16]", "data.split.train=0.2"],
    "mnist5k-5to9": ["model.filters=[4, 8]", "model.dense=[16]"],
    "fashion-mlp": ["model.hidden=[32, 16]", "data.split.train=0.1"],
    "fashion-cnn": ["model.filters=[2, 4, 4]", "model.dense=[16]", "data.split.train=0.1"],
    "mnist-rows-lstm": ["model.layers.1.units=16", "data.split.train=0.1"],
    "adding-problem-lstm": ["data.source.rows=2000", "data.source.steps=20"],
    "adding-problem-rnn": ["data.source.rows=2000", "data.source.steps=20"],
    "adding-problem-clipped": ["data.source.rows=2000"],
    "sonnets-lstm": ["model.layers.1.units=16", "data.source.steps=24", "data.split.train=0.4"],
    "shakespeare-lstm": ["model.layers.1.units=16", "data.source.steps=24", "data.split.train=0.4"],
}
#: What is there to show a net that does not learn.
STUCK = {"digits-plain20"}


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def comment(name: str) -> list[str]:
    """The lines of the comment that a config opens with."""
    lines = CONFIGS[name].read_text(encoding="utf-8").splitlines()
    opening = []
    for line in lines:
        if not line.startswith("#"):
            break
        if "yaml-language-server" not in line:
            opening.append(line.removeprefix("#").strip())
    return opening


def test_there_are_configs_for_the_promised_data() -> None:
    assert {"digits-mlp", "iris-mlp", "wine-mlp", "breast-cancer-mlp", "diabetes-mlp", "mnist-mlp"} <= set(
        CONFIGS
    )


@every_config
def test_its_comment_says_what_it_shows_what_to_expect_and_the_command(name: str) -> None:
    lines = comment(name)
    text = " ".join(lines)
    assert len(lines) >= 3, "a config opens with a comment"
    assert 20 <= len(lines[0]) <= 110, "its first line, which `bpcli list configs` shows"
    assert f"bpcli train {name}" in text
    assert any(word in text.lower() for word in ("expect", "reach", "accuracy", "r²", "r2")), "the result"
    assert any(letter.isdigit() for letter in text), "in figures"


@every_config
def test_it_is_named_as_its_file_and_needs_nothing_that_is_not_shipped(name: str) -> None:
    loaded = load(name)
    assert loaded.experiment.name == name
    assert loaded.experiment == load(CONFIGS[name]).experiment


@every_config
def test_it_trains(tmp_path: Path, name: str) -> None:
    events: list[dict[str, Any]] = []
    loaded = load(name, ["train.epochs=3", *SMALLER.get(name, [])])
    outcome = session.train(loaded, runs_dir=tmp_path / "runs", listener=events.append)
    assert outcome.status == "completed"
    part = "test" if "test" in outcome.metrics else "val"
    assert outcome.metrics[part].keys() == outcome.baseline[part].keys()
    losses = [event["metrics"]["train"]["loss"] for event in events if event["event"] == "epoch"]
    assert len(losses) == 3
    if name not in STUCK:
        assert losses[-1] < losses[0], "it learns"


@every_config
def test_its_gradients_are_right(name: str) -> None:
    check_gradients(name, SMALLER.get(name, []))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALLER))
def test_its_gradients_are_right_at_full_size(name: str) -> None:
    check_gradients(name, [])


def check_gradients(name: str, overrides: list[str]) -> None:
    report = gradients.gradcheck(load(name, overrides))
    assert report["passed"] is True
    assert report["coordinates"]["checked"] >= 0.95 * report["coordinates"]["drawn"]
    limit = 1e-10 if report["smooth"] else 1e-6
    assert report["max_relative_error"] < limit
    assert {row["method"] for row in report["parameters"]} == {
        "complex step" if report["smooth"] else "central differences"
    }
