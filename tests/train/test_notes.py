"""What is said before training about the config itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bpcli.train.describe import summary
from tests.train import helpers as h


def said(folder: Path, **schedule: Any) -> list[str]:
    """The notes about the warmup: 7 steps an epoch, 21 in all."""
    return [note for note in h.trainer(folder, h.config(schedule=schedule)).data.notes if "warmup" in note]


@pytest.mark.parametrize("warmup", [0, 0.5, 20, "95%"])
def test_a_warmup_that_ends_needs_no_word(tmp_path: Path, warmup: Any) -> None:
    assert said(tmp_path, type="cosine", warmup=warmup) == []


@pytest.mark.parametrize(("warmup", "steps"), [(21, 21), (500, 500), ("99%", 21)])
def test_a_warmup_as_long_as_the_run_is_told(tmp_path: Path, warmup: Any, steps: int) -> None:
    (note,) = said(tmp_path, type="cosine", warmup=warmup)
    assert f"takes {steps} steps, and the run has 21" in note


def test_it_is_told_by_train_and_summary(tmp_path: Path) -> None:
    tree = h.config(schedule={"type": "constant", "warmup": 100}, train__epochs=1)
    events: list[h.Tree] = []
    h.train(tmp_path, tree, listener=events.append)
    told = [event["message"] for event in events if event["event"] == "note"]
    assert sum("warmup takes 100 steps" in message for message in told) == 1
    assert any(
        "warmup takes 100 steps" in note for note in summary(h.loaded(tmp_path, tree))["data"]["notes"]
    )
