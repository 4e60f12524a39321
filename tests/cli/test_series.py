"""A series on the command line: trained, judged, continued, drawn; and what it says of a bad one."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from .conftest import Cli

CONFIG = """\
version: 1
name: waves
data:
  source: {type: series, path: waves.csv, target: height, time: day, inputs: 7, horizon: 2, season: 7}
  split: {type: chronological, train: 0.6, val: 0.2, test: 0.2}
  preprocess: [standardize]
  target_transform: standardize
model: {type: mlp, hidden: [4], activation: tanh}
train: {epochs: 2}
"""


@pytest.fixture
def waves(cli: Cli, work: Path) -> Path:
    lines = [f"{day},{10 + math.sin(day * 6.28 / 7) + (day % 5) / 9:.4f}" for day in range(100)]
    (work / "waves.csv").write_text("day,height\n" + "\n".join(lines) + "\n")
    (work / "waves.yaml").write_text(CONFIG)
    assert cli("train", "waves.yaml").code == 0
    return work


def test_it_is_judged_against_the_seasonal_naive_forecast(cli: Cli, waves: Path) -> None:
    found = cli("evaluate", "latest", "--json").json
    assert set(found["metrics"]) == set(found["baseline"]) == {"loss", "mae", "mase"}
    assert found["baseline"]["mase"] == pytest.approx(1, abs=0.5)


def test_it_is_continued_in_lines_and_in_a_table(cli: Cli, waves: Path) -> None:
    rows = cli("predict", "latest", "--data", "waves.csv").events
    assert [(row["row"], row["time"]) for row in rows] == [(1, "100"), (2, "101")]
    assert set(rows[0]["details"]) == {"low90", "high90"}
    assert "2 rows -> next.csv" in cli("predict", "latest", "--data", "waves.csv", "-o", "next.csv").out
    head, first, _ = (waves / "next.csv").read_text().splitlines()
    assert head == "row,time,prediction,prediction_low90,prediction_high90"
    assert first.split(",")[2] == repr(rows[0]["prediction"])
    every = cli("predict", "latest", "--data", "waves.csv", "--all").events
    assert len(every) == 94
    assert every[-1]["prediction"]["height+1"] == rows[0]["prediction"]


def test_it_is_drawn(cli: Cli, waves: Path) -> None:
    pytest.importorskip("matplotlib")
    found = cli("predict", "latest", "--data", "waves.csv", "-o", "next.png", "--json")
    assert found.json == {"run": found.json["run"], "output": "next.png", "forecasts": 11}
    assert (waves / "next.png").read_bytes()[:4] == b"\x89PNG"
    refused = cli("predict", "latest", "--data", "waves.csv", "-o", "next.png", "--all")
    assert refused.code == 2
    assert "one horizon apart" in refused.err


def test_a_picture_and_all_are_of_a_series_alone(cli: Cli, work: Path) -> None:
    pytest.importorskip("matplotlib")
    assert cli("train", "clouds.yaml").code == 0
    for option in (["--all"], ["-o", "a.png"]):
        refused = cli("predict", "latest", "--data", "points.csv", *option)
        assert refused.code == 2
        assert "the run predicts rows, not a series" in refused.err
    assert not (work / "a.png").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("5,", "50,"), "comes after"),
        (("\n5,", "\n"), ""),
        (("10", "x10"), "instead of a number"),
    ],
)
def test_a_series_that_is_none_is_refused_in_a_sentence(
    cli: Cli, waves: Path, change: tuple[str, str], message: str
) -> None:
    text = (waves / "waves.csv").read_text()
    (waves / "bad.csv").write_text(text.replace(*change, 1))
    refused = cli("predict", "latest", "--data", "bad.csv", "--json")
    assert refused.code == 2
    assert "Traceback" not in refused.err
    (problem,) = json.loads(refused.out)["errors"]
    assert problem["line"] is not None
    assert message in problem["message"]
