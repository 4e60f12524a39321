"""`train` and `resume`: what they print, in which form, and what they leave on disk."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from .conftest import Cli


def test_a_line_an_epoch_and_a_table_at_the_end(cli: Cli, work: Path) -> None:
    found = cli("train", "clouds.yaml")
    assert found.code == 0
    lines = found.out.splitlines()
    assert lines[0].startswith("run runs/clouds-")
    assert [line.split(" | ")[0] for line in lines[1:5]] == [f"epoch {i}/4" for i in (1, 2, 3, 4)]
    assert "val loss" in lines[1] and "lr 0.05" in lines[1] and "grad" in lines[1]
    assert "\x1b" not in found.out and "\r" not in found.out
    assert "baseline (test)" in found.out and "accuracy" in found.out
    run = lines[0].removeprefix("run ")
    assert f"run: {run}" in lines and (work / run / "metrics.jsonl").is_file()


def test_json_is_one_event_a_line(cli: Cli, work: Path) -> None:
    found = cli("train", "clouds.yaml", "--json")
    start, *epochs, end = found.events
    assert start["event"] == "start" and start["resumed_from"] is None
    assert [event["event"] for event in epochs] == ["epoch"] * 4
    assert [event["epoch"] for event in epochs] == [1, 2, 3, 4]
    assert set(epochs[0]["metrics"]) == {"train", "val"}
    assert epochs[-1]["step"] == 4 * math.ceil(36 / 8)
    assert (end["event"], end["status"], end["run"]) == ("end", "completed", start["run"])
    assert set(end["metrics"]) == {"train", "val", "test"}
    assert 0 <= end["metrics"]["test"]["accuracy"] <= 1


def test_quiet_prints_the_folder_only(cli: Cli, work: Path) -> None:
    found = cli("train", "clouds.yaml", "-q")
    assert found.err == ""
    [line] = found.out.splitlines()
    assert (work / line / "run.json").is_file()


def test_changes_from_the_command_line(cli: Cli, work: Path) -> None:
    argv = ["clouds.yaml", "train.epochs=2", "--set", "model.hidden=[3]", "~metrics", "--seed", "8"]
    found = cli("train", *argv, "--name", "other", "--device", "cpu", "--runs-dir", "elsewhere", "-q")
    run = work / found.out.strip()
    assert run.parent.name == "elsewhere" and run.name.startswith("other-")
    resolved = (run / "resolved.yaml").read_text()
    for text in ("epochs: 2", "seed: 8", "name: other", "- 3"):
        assert text in resolved
    assert "metrics: null" in resolved


def test_the_time_limit_stops_a_run_that_can_go_on(cli: Cli, work: Path) -> None:
    found = cli("train", "clouds.yaml", "train.epochs=100000", "--time", "200ms", "--json")
    assert found.code == 0
    assert found.events[-1]["status"] == "time_limit"
    name = Path(found.events[0]["run"]).name
    on = cli("resume", name, "--time", "100ms")
    assert on.code == 0
    assert f"to go on: bpcli resume {name}" in on.out


def test_resume_extends_a_run_to_the_same_numbers(cli: Cli, work: Path) -> None:
    cli("train", "clouds.yaml", "train.epochs=6", "--runs-dir", "whole")
    cli("train", "clouds.yaml", "train.epochs=2")
    found = cli("resume", "latest", "train.epochs=6", "--json")
    start, *epochs, end = found.events
    assert start["resumed_from"] == {"checkpoint": "last", "epoch": 2, "step": 10}
    assert [event["epoch"] for event in epochs] == [3, 4, 5, 6]
    assert end["status"] == "completed"
    whole, pieced = (next(work.joinpath(runs).glob("clouds-*")) for runs in ("whole", "runs"))
    assert (pieced / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    last = "checkpoints/last.safetensors"
    assert (pieced / last).read_bytes() == (whole / last).read_bytes()


def test_resume_says_where_it_goes_on(cli: Cli, work: Path) -> None:
    cli("train", "clouds.yaml", "train.epochs=1")
    found = cli("resume", "latest", "train.epochs=2")
    assert "from its checkpoint 'last': 1 epoch and 5 steps done" in found.out


def test_a_resume_cannot_change_the_net(cli: Cli, work: Path) -> None:
    cli("train", "clouds.yaml", "train.epochs=1")
    found = cli("resume", "latest", "model.hidden=[7]")
    assert found.code == 2
    assert "model.hidden" in found.err and "train a new run" in found.err


def test_without_a_validation_part_there_is_still_a_result(cli: Cli, work: Path) -> None:
    found = cli("train", "clouds.yaml", "data.split={type: stratified, train: .8, val: 0, test: .2}")
    assert found.code == 0, found.err
    assert " | val " not in found.out and "baseline (test)" in found.out


@pytest.mark.parametrize(
    ("option", "code"),
    [
        ("--fail-under=accuracy=0", 0),
        ("--fail-under=test.accuracy=0.1", 0),
        ("--fail-under=accuracy=1.5", 6),
        ("--fail-under=val.accuracy=1.5", 6),
        ("--fail-over=loss=1e9", 0),
        ("--fail-over=loss=1e-9", 6),
        ("--fail-under=loss=1", 2),
        ("--fail-over=accuracy=1", 2),
        ("--fail-under=acuracy=1", 2),
        ("--fail-under=accuracy", 2),
        ("--fail-under=accuracy=nan", 2),
    ],
)
def test_a_result_may_have_to_be_good_enough(cli: Cli, work: Path, option: str, code: int) -> None:
    found = cli("train", "clouds.yaml", "train.epochs=1", option)
    assert found.code == code, found.err
    assert found.err.count("error: ") == (1 if code else 0)
    if code == 2:  # refused before anything was trained
        assert not (work / "runs").exists()
    if code == 6:
        assert "1.5 of --fail-under" in found.err or "1e-09 of --fail-over" in found.err


def test_a_bound_on_what_is_not_measured_is_refused(cli: Cli, work: Path) -> None:
    found = cli("train", "clouds.yaml", "~metrics", "--fail-under", "r2=.5")
    assert found.code == 2
    assert "does not measure 'r2'" in found.err


def test_a_failed_bound_is_an_event_before_the_end(cli: Cli, work: Path) -> None:
    found = cli("train", "clouds.yaml", "--json", "--fail-under", "accuracy=1.5")
    assert found.code == 6
    error, end = found.events[-2:]
    assert (error["event"], error["exit"], end["event"]) == ("error", 6, "end")
    assert [event["event"] for event in found.events].count("error") == 1


def test_resume_can_fail_under_too(cli: Cli, work: Path) -> None:
    cli("train", "clouds.yaml", "train.epochs=1")
    assert cli("resume", "latest", "train.epochs=2", "--fail-under", "accuracy=1.5").code == 6
    assert cli("resume", "latest", "train.epochs=3", "--fail-under", "acc=1.5").code == 2


def test_a_diverged_run_exits_with_3_and_says_where(cli: Cli, work: Path) -> None:
    found = cli("train", "clouds.yaml", "optimizer.lr=1e38", "train.epochs=50")
    assert found.code == 3
    assert "diverged at step" in found.err and "Traceback" not in found.err
    events = cli("train", "clouds.yaml", "optimizer.lr=1e38", "train.epochs=50", "--json").events
    assert [event["event"] for event in events][-2:] == ["error", "end"]
    assert events[-2]["exit"] == 3 and events[-1]["status"] == "diverged"


def test_json_never_says_nan(cli: Cli, work: Path) -> None:
    found = cli("train", "clouds.yaml", "metrics=[accuracy, f1, confusion_matrix]", "--json")
    for line in found.out.splitlines():
        json.loads(line, parse_constant=pytest.fail)
    assert isinstance(found.events[-1]["metrics"]["test"]["confusion_matrix"], list)
