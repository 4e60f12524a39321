"""Made data at the command line: no file stands in for it. And the gradient through time, in a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli

CONFIG = """\
# Sums.
version: 1
name: sums
data: {source: {type: adding_problem, rows: 200, steps: 9}}
model:
  type: sequential
  head: auto
  layers: [{type: gru, units: 3, return_sequences: true}, {type: lstm, units: 3}]
loss: mse
callbacks: [{type: gradient_norms, through_time: true}]
train: {epochs: 2}
"""


@pytest.fixture
def sums(work: Path) -> Path:
    file = work / "sums.yaml"
    file.write_text(CONFIG)
    return file


def test_its_parts_are_evaluated_and_no_file_is_taken(cli: Cli, work: Path, sums: Path) -> None:
    assert cli("train", sums.name).code == 0
    found = cli("evaluate", "latest", "--json")
    assert found.code == 0 and found.json["rows"] == 20
    (work / "more.csv").write_text("a\n1\n")
    for command in ("evaluate", "predict"):
        found = cli(command, "latest", "--data", "more.csv")
        assert found.code == 2
        assert "the source adding_problem draws its rows itself" in found.err and "more.csv" in found.err


def test_a_field_that_cannot_be_is_placed(cli: Cli, sums: Path) -> None:
    found = cli("check", sums.name, "data.source={type: addition, rows: 5051}")
    assert found.code == 2
    assert "data.source: 5,051 rows are asked for, and there are 5,050 different ones" in found.err
    assert "lower rows, or raise digits" in found.err


def test_through_time_each_layer_has_a_table(cli: Cli, sums: Path) -> None:
    lines = cli("train", sums.name).out.splitlines()
    at = [i for i, line in enumerate(lines) if line.strip().startswith("gradient at ")]
    assert [lines[i].split("t =")[0].strip() for i in at] == ["gradient at gru1", "gradient at lstm1"]
    for i in at:
        assert " ".join(lines[i].split()[3:]) == "t = 1 t = 3 t = 5 t = 7 t = 9"
        assert lines[i + 1].split()[:2] == ["step", "1"] and len(lines[i + 1].split()) == 7
        assert lines[i + 2].strip().startswith("mean of epoch 2") and len(lines[i + 2].split()) == 9
