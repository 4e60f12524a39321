"""Stopping a run from outside: the exit code says so, and the run goes on as if nothing had been."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Cli, command, surroundings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_stopped_run_resumes_to_the_same_bits(
    cli: Cli, work: Path, number: signal.Signals, code: int
) -> None:
    argv = command("train", "clouds.yaml", "train.epochs=100000", "--json")
    with subprocess.Popen(
        argv, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=surroundings(), text=True
    ) as child:
        assert child.stdout is not None
        first = [child.stdout.readline() for _ in range(3)]
        child.send_signal(number)
        assert child.stderr is not None
        rest, err = child.stdout.read(), child.stderr.read()  # communicate() would lose what is buffered here
        assert child.wait(60) == code and "Traceback" not in err
    events = [json.loads(line) for line in "".join([*first, rest]).splitlines()]
    error, end = events[-2:]
    assert (error["event"], error["exit"]) == ("error", code)
    assert (end["event"], end["status"]) == ("end", "interrupted")

    epochs = max(event["epoch"] for event in events if event["event"] == "epoch") + 2
    done = cli("resume", "latest", f"train.epochs={epochs}", "--json")
    assert done.code == 0 and done.events[-1]["status"] == "completed"
    whole = (
        work / cli("train", "clouds.yaml", f"train.epochs={epochs}", "--runs-dir", "whole", "-q").out.strip()
    )
    for name in ("metrics.jsonl", "checkpoints/last.safetensors", "checkpoints/best.safetensors"):
        assert (Path(end["run"]) / name).read_bytes() == (whole / name).read_bytes()


def test_a_training_outlives_its_reader(work: Path) -> None:
    argv = command("train", "clouds.yaml", "train.epochs=30", "--json")
    with subprocess.Popen(
        argv, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=surroundings(), text=True
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        run = work / json.loads(child.stdout.readline())["run"]
        child.stdout.close()
        assert child.wait(60) == 0
        assert "Error" not in child.stderr.read()
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 30
    assert json.loads((run / "run.json").read_text())["status"] == "completed"
