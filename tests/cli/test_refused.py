"""Options that contradict each other or mean nothing are refused, and what is said is about what was done."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

import bpcli.__main__ as program
from bpcli.cli.gradcheck import _failure  # pyright: ignore[reportPrivateUsage]

from .conftest import Cli


@pytest.fixture
def run(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(trained.parents[1])
    return trained


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["evaluate", "latest", "--data", "points.csv", "--split", "banana"], "no split 'banana'"),
        (["evaluate", "latest", "--data", "points.csv", "--split", "val"], "give one of them"),
        (["evaluate", "latest", "--fail-under", "val.accuracy=0"], "it is the test part that is measured"),
        (
            ["evaluate", "latest", "--data", "points.csv", "--fail-under", "test.accuracy=0"],
            "it is a file that is measured",
        ),
        (["gradcheck", "clouds.yaml", "--checkpoint", "banana"], "no checkpoint 'banana'"),
        (["gradcheck", "latest", "--checkpoint", "banana"], "no checkpoint 'banana'"),
        (["gradcheck", "clouds.yaml", "--checkpoint", "last"], "is a config, which has no checkpoint"),
        (["resume", "latest", "vars.foo=3"], "there is no variable vars.foo"),
        (["train", "clouds.yaml", "vars.typo=3"], "there is no variable vars.typo"),
        (["check", "clouds.yaml", "--set", "vars.typo=3"], "there is no variable vars.typo"),
    ],
)
def test_what_means_nothing(cli: Cli, run: Path, argv: list[str], part: str) -> None:
    found = cli(*argv)
    assert found.code == 2 and part in found.err and found.out == ""


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["--split", "train"], "train.accuracy is"),
        (["--split", "val"], "val.accuracy is"),
        ([], "test.accuracy is"),
        (["--data", "points.csv"], "points.csv: accuracy is"),
    ],
)
@pytest.mark.parametrize("part", ["", "own"])
def test_a_bound_names_what_was_measured(cli: Cli, run: Path, argv: list[str], name: str, part: str) -> None:
    own = f"{name.split('.')[0]}." if part and "--data" not in argv else ""
    found = cli("evaluate", "latest", *argv, "--fail-under", f"{own}accuracy=1.5")
    assert found.code == 6 and f"error: {name}" in found.err


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_predict_does_not_overwrite_its_rows(cli: Cli, run: Path, tmp_path: Path, link: object) -> None:
    rows = tmp_path / "rows.csv"
    shutil.copy("points.csv", rows)
    before, to = rows.read_bytes(), rows
    if callable(link):
        to = tmp_path / "other.csv"
        link(rows, to)
    found = cli("predict", "latest", "--data", str(rows), "-o", str(to))
    assert found.code == 2 and "would be lost" in found.err
    assert rows.read_bytes() == before


def test_an_interrupt_while_modules_are_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "_run", interrupted)
    assert program.main(["--help"]) == 130


def test_a_check_that_could_not_compare_says_so() -> None:
    row = {
        "layer": "head", "name": "W", "checked": 3, "skipped": 5, "max_relative_error": 0.0, "passed": False,
        "method": "central differences", "reason": "a kink within the step",
    }  # fmt: skip
    fine = row | {"passed": True}
    (problem,) = _failure({"parameters": [row], "inputs": fine}).problems  # type: ignore[attr-defined]
    assert problem.message == ("head.W: only 3 of 8 directions could be compared (a kink within the step)")
    wrong = row | {"max_relative_error": 0.5}
    (problem,) = _failure({"parameters": [wrong], "inputs": fine}).problems  # type: ignore[attr-defined]
    assert "do not agree (relative error 0.5)" in problem.message


def test_a_base_in_another_folder_trains_and_resumes(cli: Cli, work: Path) -> None:
    (work / "own").mkdir()
    (work / "own" / "c.yaml").write_text("extends: ../clouds.yaml\ntrain: {epochs: 1}\n")
    (work / "points.csv").rename(work / "p.csv")
    (work / "clouds.yaml").write_text((work / "clouds.yaml").read_text().replace("points.csv", "p.csv"))
    os.chdir(work / "own")
    assert cli("train", "c.yaml").code == 0
    assert cli("resume", "latest", "train.epochs=2").code == 0
    found = cli("evaluate", "latest", "--json")
    assert found.code == 0 and found.json["rows"] == 12


def test_a_damaged_run_file_is_told(cli: Cli, work: Path) -> None:
    assert cli("train", "clouds.yaml", "train.epochs=1").code == 0
    (file,) = work.glob("runs/clouds-*/run.json")
    whole = json.loads(file.read_text())
    for broken in ({}, whole | {"config_folder": 3}, whole | {"environment": None}, whole | {"horizon": "x"}):
        file.write_text(json.dumps(broken))
        for command in ("resume", "evaluate"):
            found = cli(command, "latest")
            assert found.code == 2 and "run.json: the file is damaged" in found.err
