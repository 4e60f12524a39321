"""`evaluate` and `predict`: a run put to use."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import pytest

from .conftest import Cli, bpcli, command, surroundings


@pytest.fixture
def run(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(trained.parents[1])
    return trained


def test_evaluate_shows_the_metrics_beside_the_baseline(cli: Cli, run: Path) -> None:
    found = cli("evaluate", "latest")
    assert found.code == 0
    assert "checkpoint best, test: 12 rows" in found.out
    words = {line.split()[0]: line.split()[1:] for line in found.out.splitlines()[2:]}
    assert set(words) == {"loss", "accuracy"} and all(len(values) == 2 for values in words.values())


def test_evaluate_as_json(cli: Cli, run: Path) -> None:
    found = cli("evaluate", run.name[:8], "--split", "val", "--checkpoint", "last", "--json").json
    assert {"run", "split", "checkpoint", "metrics"} <= set(found)
    assert (found["split"], found["checkpoint"]) == ("val", "last")
    assert set(found["metrics"]) == {"loss", "accuracy"}


def test_evaluate_agrees_with_the_end_of_the_training(cli: Cli, work: Path) -> None:
    end = cli("train", "clouds.yaml", "--json").events[-1]
    assert cli("evaluate", "latest", "--json").json["metrics"] == end["metrics"]["test"]


def test_evaluate_a_file(cli: Cli, run: Path) -> None:
    found = cli("evaluate", "latest", "--data", "points.csv", "--json").json
    assert found["rows"] == 60


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_evaluate_can_fail(cli: Cli, run: Path, split: str) -> None:
    found = cli("evaluate", "latest", "--split", split, "--fail-under", "accuracy=1.5", "--json")
    assert found.code == 6
    measured, error = found.events
    assert measured["split"] == split and error["exit"] == 6
    assert cli("evaluate", "latest", "--split", split, "--fail-under", "accuracy=0").code == 0


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["--split", "tset"], "no split 'tset'"),
        (["--checkpoint", "first"], "no checkpoint 'first'"),
        (["--data", "nowhere.csv"], "nowhere.csv"),
        (["--fail-under", "f1=.5"], "no metric 'f1'"),
    ],
)
def test_evaluate_refuses(cli: Cli, run: Path, argv: list[str], part: str) -> None:
    found = cli("evaluate", "latest", *argv)
    assert found.code == 2 and part in found.err and found.out == ""


def test_predict_prints_json_lines(cli: Cli, run: Path) -> None:
    rows = cli("predict", "latest", "--data", "points.csv").events
    assert len(rows) == 60
    assert all(set(row) == {"row", "prediction", "probabilities"} for row in rows)
    assert rows[0]["row"] == 2, "the line of the file, as errors name it"
    assert set(rows[0]["probabilities"]) == {"north", "south"}
    assert abs(sum(rows[0]["probabilities"].values()) - 1) < 1e-6
    assert all(row["prediction"] == max(row["probabilities"], key=row["probabilities"].get) for row in rows)


def test_predict_does_not_need_the_target(cli: Cli, run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("b,a\n-2,-1\n2,1\n")  # the columns in another order, too
    rows = cli("predict", "latest", "--data", str(tmp_path / "new.csv"), "-o", "-").events
    assert [row["prediction"] for row in rows] == ["south", "north"]


def test_predict_into_a_csv_file(cli: Cli, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    found = cli("predict", "latest", "--data", "points.csv", "-o", str(out))
    assert found.code == 0 and found.out == f"60 rows -> {out}\n"
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["row", "prediction", "p_north", "p_south"]
    printed = cli("predict", "latest", "--data", "points.csv").events
    assert [float(row["p_north"]) for row in rows] == [row["probabilities"]["north"] for row in printed]


def test_predict_into_a_jsonl_file(cli: Cli, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    found = cli("predict", "latest", "--data", "points.csv", "-o", str(out), "--json").json
    assert found == {"run": "runs/" + run.name, "output": str(out), "rows": 60}
    printed = cli("predict", "latest", "--data", "points.csv").out
    assert out.read_text() == printed


def test_values_have_no_probabilities(cli: Cli, work: Path) -> None:
    (work / "line.csv").write_text("x,y\n" + "".join(f"{i},{i / 7 + 0.01}\n" for i in range(40)))
    (work / "line.yaml").write_text(
        "name: line\n"
        "data: {source: {type: csv, path: line.csv, target: y}, task: regression}\n"
        "model: {type: mlp, hidden: [4], activation: tanh}\n"
        "train: {epochs: 2}\n"
    )
    assert cli("train", "line.yaml").code == 0
    row = cli("predict", "latest", "--data", "line.csv").events[0]
    assert isinstance(row["prediction"], float) and row["probabilities"] is None
    cli("predict", "latest", "--data", "line.csv", "-o", "out.csv")
    assert (work / "out.csv").read_text().splitlines()[0] == "row,prediction"


@pytest.mark.parametrize("name", ["out.txt", "out", "out.xlsx"])
def test_predict_refuses_a_kind_of_file_it_cannot_write(cli: Cli, run: Path, name: str) -> None:
    found = cli("predict", "latest", "--data", "points.csv", "-o", name)
    assert found.code == 2 and ".csv or .jsonl" in found.err
    assert not Path(name).exists()


def test_a_file_that_cannot_be_written_is_exit_4(cli: Cli, run: Path, tmp_path: Path) -> None:
    found = cli("predict", "latest", "--data", "points.csv", "-o", str(tmp_path / "no" / "out.csv"))
    assert found.code == 4
    assert "out.csv: it cannot be written" in found.err and "-o" in found.err


def test_a_failure_leaves_the_old_file_whole(cli: Cli, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3,four\n")
    found = cli("predict", "latest", "--data", str(tmp_path / "bad.csv"), "-o", str(out))
    assert found.code == 2 and "four" in found.err
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "out.csv"]


def test_a_reader_that_leaves_early_is_no_failure(run: Path, tmp_path: Path) -> None:
    rows = "\n".join(f"{i % 9},{i % 5}" for i in range(20_000))
    (tmp_path / "many.csv").write_text(f"a,b\n{rows}\n")
    argv = command("predict", str(run), "--data", str(tmp_path / "many.csv"))
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=surroundings(), text=True
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        assert json.loads(child.stdout.readline())["row"] == 2
        child.stdout.close()
        assert child.wait(60) == 0
        assert child.stderr.read() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_behind_stdout_is_exit_4(run: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("predict", str(run), "--data", str(run.parents[1] / "points.csv")),
            stdout=full, stderr=subprocess.PIPE, env=surroundings(), text=True,
        )  # fmt: skip
    assert done.returncode == 4
    assert done.stderr.startswith("error: the output cannot be written") and done.stderr.count("\n") == 1


def test_it_works_as_a_process_too(run: Path) -> None:
    found = bpcli("evaluate", str(run), "--json", cwd=run.parents[1])
    assert found.code == 0 and found.err == ""
    assert found.json["rows"] == 12
