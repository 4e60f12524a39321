"""Logs beside metrics.jsonl: of the same form, and on disk before the checkpoint that relies on them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from bpcli.runs.folder import RunFolder
from bpcli.runs.metrics_log import MetricsLog


def start(runs: Path) -> RunFolder:
    return RunFolder.create(runs, "a", config_text="a: 1\n", resolved="a: 1\n", info={})


def test_lines_are_added_and_dropped(tmp_path: Path) -> None:
    with start(tmp_path) as run:
        assert run.truncate_log("g.jsonl", 0) is None and not (run.path / "g.jsonl").exists()
        lengths = [run.log_line("g.jsonl", {"step": step, "x": float("nan")}) for step in (1, 2, 3)]
        assert lengths[-1] == (run.path / "g.jsonl").stat().st_size
        assert run.truncate_log("g.jsonl", lengths[1]) is None
        assert run.log_line("g.jsonl", {"step": 4}) == (run.path / "g.jsonl").stat().st_size
    text = (run.path / "g.jsonl").read_text()
    assert [json.loads(line) for line in text.splitlines()] == [
        {"v": 1, "step": 1, "x": None}, {"v": 1, "step": 2, "x": None}, {"v": 1, "step": 4},
    ]  # fmt: skip


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with start(tmp_path) as run:
        run.log_line("g.jsonl", {"step": 1})
    with RunFolder.open(str(run.path), tmp_path, lock=True) as again:
        assert "g.jsonl has lost lines" in str(again.truncate_log("g.jsonl", 500))


@pytest.mark.parametrize("verb", ["save", "save_best"])
def test_the_lines_are_synced_before_the_checkpoint_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    events: list[str] = []
    sync, replace = MetricsLog.sync, os.replace
    monkeypatch.setattr(MetricsLog, "sync", lambda self: (events.append(self.path.name), sync(self)))
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append(Path(b).name), replace(a, b)))
    with start(tmp_path) as run:
        run.log_metrics({"step": 1})
        run.log_line("g.jsonl", {"step": 1})
        events.clear()
        state = {"w": np.zeros(3)}, {"step": 1}
        run.save(*state, best=False) if verb == "save" else run.save_best(*state)
    assert events.index("g.jsonl") < next(i for i, name in enumerate(events) if "safetensors" in name)
    assert "metrics.jsonl" in events


@pytest.mark.parametrize("name", ["", "../x.jsonl", "a/b"])
def test_a_log_lies_in_the_folder(tmp_path: Path, name: str) -> None:
    with start(tmp_path) as run, pytest.raises(ValueError, match="not the name of a file"):
        run.log_line(name, {})


def test_a_reader_cannot_write_one(tmp_path: Path) -> None:
    path = start(tmp_path).path
    with RunFolder.open(str(path), tmp_path, lock=False) as run, pytest.raises(RuntimeError, match="reading"):
        run.log_line("g.jsonl", {})
