"""What goes wrong, each time one clear message and the right exit code, as text and as JSON."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from bpcli.cli import run as runner

from .conftest import Cli, Result, bpcli

WRONG_USAGE = [
    (["trian"], "did you mean 'train'?"),
    (["clouds.yaml"], "bpcli train clouds.yaml"),
    (["quux"], "there are train, resume"),
    (["--nonsense"], "--nonsense"),
    (["train"], "CFG"),
    (["train", "clouds.yaml", "--sed", "3"], "--seed"),
    (["train", "clouds.yaml", "--seed", "x"], "--seed"),
    (["predict", "latest"], "--data"),
    (["list", "layers", "losses"], "losses"),
]


def is_one_error(found: Result) -> bool:
    return found.out == "" and found.err.startswith("error: ") and found.err.count("\n") == 1


@pytest.mark.parametrize(("argv", "part"), WRONG_USAGE)
def test_wrong_usage(cli: Cli, work: Path, argv: list[str], part: str) -> None:
    found = cli(*argv)
    assert found.code == 2 and is_one_error(found) and part in found.err


@pytest.mark.parametrize(("argv", "part"), WRONG_USAGE)
def test_wrong_usage_as_json(cli: Cli, work: Path, argv: list[str], part: str) -> None:
    found = cli(*argv, "--json")
    assert found.code == 2 and found.err == ""
    [event] = found.events
    assert (event["event"], event["exit"]) == ("error", 2) and event["code"].startswith("BP2")
    [problem] = event["errors"]
    assert set(problem) == {"file", "line", "column", "path", "message", "hint"}
    assert part in f"{problem['message']}; {problem['hint']}" or part == "--nonsense"


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("train.epoch=3", "unknown key 'epoch'"),
        ("optimizer.lr=fast", "optimizer.lr"),
        ("optimizer=adm", "did you mean 'adam'?"),
        ("model.activation=rleu", "did you mean 'relu'?"),
        ("metrics=[acuracy]", "did you mean 'accuracy'?"),
        ("checkpoint.monitor=val.acc", "no metric 'val.acc'"),
        ("data.source.path=pionts.csv", "there is no data file pionts.csv"),
        ("data.source.target=clod", "clod"),
        ("train.epochs", "write key=value"),
        ("~nothing", "nothing"),
    ],
)
def test_a_typo_is_refused_before_there_is_a_run(cli: Cli, work: Path, override: str, part: str) -> None:
    found = cli("train", "clouds.yaml", override)
    assert found.code == 2 and part in found.err and found.out == ""
    assert not (work / "runs").exists()
    event = cli("train", "clouds.yaml", override, "--json").events
    assert len(event) == 1 and event[0]["exit"] == 2


def test_every_problem_of_a_file_on_its_own_line(cli: Cli, work: Path) -> None:
    text = (work / "clouds.yaml").read_text().replace("epochs:", "epoch:").replace("hidden:", "hiden:")
    (work / "bad.yaml").write_text(text)
    found = cli("train", "bad.yaml")
    assert found.code == 2
    assert len(found.err.splitlines()) == 2
    for line in found.err.splitlines():
        assert line.startswith("error: bad.yaml:") and "did you mean" in line
    [event] = cli("train", "bad.yaml", "--json").events
    assert sorted(problem["line"] for problem in event["errors"]) == [9, 11]


def test_a_config_that_is_not_there(cli: Cli, work: Path) -> None:
    found = cli("train", "digit-mlp")
    assert found.code == 2 and is_one_error(found) and "did you mean 'digits-mlp'?" in found.err


def test_a_text_cell_in_a_number_column(cli: Cli, work: Path) -> None:
    lines = (work / "points.csv").read_text().splitlines()
    lines[4] = "1.0,many,north"
    (work / "points.csv").write_text("\n".join(lines))
    found = cli("train", "clouds.yaml")
    assert found.code == 2 and "points.csv" in found.err and "many" in found.err


def test_a_file_where_the_runs_should_be(cli: Cli, work: Path) -> None:
    (work / "runs").write_text("")
    found = cli("train", "clouds.yaml")
    assert found.code == 4 and is_one_error(found) and "runs" in found.err


@pytest.mark.parametrize("name", ["resume", "evaluate", "gradcheck", "summary"])
def test_a_run_that_is_not_there(cli: Cli, work: Path, name: str) -> None:
    found = cli(name, "clouds-2001")
    assert found.code == 2 and is_one_error(found)


def test_a_truncated_checkpoint(cli: Cli, work: Path) -> None:
    run = work / cli("train", "clouds.yaml", "-q").out.strip()
    best = run / "checkpoints" / "best.safetensors"
    best.write_bytes(best.read_bytes()[:-7])
    found = cli("evaluate", "latest")
    assert found.code == 2 and is_one_error(found) and "best.safetensors" in found.err
    assert cli("evaluate", "latest", "--checkpoint", "last").code == 0


def test_a_run_that_somebody_else_writes(cli: Cli, work: Path) -> None:
    from bpcli.runs.folder import RunFolder

    run = cli("train", "clouds.yaml", "-q").out.strip()
    with RunFolder.open(run, work / "runs", lock=True):
        found = cli("resume", run, "train.epochs=9")
        assert found.code == 5 and is_one_error(found)
        assert cli("evaluate", run).code == 0, "reading is always possible"


def fails_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("bpcli.spec.load.load", fail)


def test_a_bug_is_told_apart_from_a_mistake(cli: Cli, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BPCLI_TRACEBACK", raising=False)
    fails_with(monkeypatch, ZeroDivisionError("float division by zero\nand more"))
    found = cli("train", "clouds.yaml")
    assert found.code == 1 and is_one_error(found)
    assert "this is a bug in bpcli" in found.err and "please report" in found.err
    assert "ZeroDivisionError: float division by zero (bpcli/cli/train.py:" in found.err
    [event] = cli("train", "clouds.yaml", "--json").events
    assert (event["code"], event["exit"]) == ("BP100", 1)


def test_the_traceback_of_a_bug_on_request(cli: Cli, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BPCLI_TRACEBACK", "1")
    fails_with(monkeypatch, RuntimeError("oops"))
    assert "Traceback (most recent call last)" in cli("train", "clouds.yaml").err


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError("Unable to allocate 7 TiB"), 2, "not enough memory: Unable to allocate 7 TiB"),
        (RecursionError("maximum recursion depth exceeded"), 1, "RecursionError"),
        (PermissionError(errno.EACCES, "Permission denied", "x.csv"), 2, "x.csv: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device", "x.csv"), 4, "x.csv: No space left on device"),
        (OSError("odd"), 1, "this is a bug"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 0, ""),
    ],
)
def test_what_slips_through(
    cli: Cli,
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    part: str,
) -> None:
    monkeypatch.setattr(runner.output, "discard", lambda: None)  # pytest needs its stdout
    fails_with(monkeypatch, error)
    found = cli("train", "clouds.yaml")
    assert found.code == code and part in found.err and "Traceback" not in found.err


def test_a_file_name_that_is_not_text_can_be_told(work: Path) -> None:
    found = bpcli("train", "no\udcffthing.yaml", "--json", cwd=work, LC_ALL="C.UTF-8")
    assert found.code == 2
    assert found.events[0]["errors"][0]["message"].count("no\udcffthing.yaml") == 1


def test_an_output_of_few_letters(work: Path) -> None:
    found = bpcli("show", "dense", cwd=work, PYTHONIOENCODING="ascii")
    assert found.code == 0 and "\\u1d40" in found.out
