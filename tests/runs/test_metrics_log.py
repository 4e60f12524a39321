"""metrics.jsonl: one line or none, whatever tears it; and the CSV made from it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from bpcli.errors import CheckpointError
from bpcli.runs.metrics_log import MetricsLog


def _log(path: Path, steps: int) -> MetricsLog:
    log = MetricsLog(path)
    for step in range(1, steps + 1):
        log.add({"step": step, "epoch": step, "train": {"loss": 1 / step}, "val": {"f1": [0.5, step]}})
    log.close()
    return log


def test_lines_are_canonical(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "m.jsonl")
    log.add(
        {"step": np.int64(2), "epoch": 1, "val": {"loss": float("nan"), "a": np.float32(0.5)}, "lr": 1e-3}
    )
    log.add({})
    assert (tmp_path / "m.jsonl").read_text() == (
        '{"v":1,"epoch":1,"lr":0.001,"step":2,"val":{"a":0.5,"loss":null}}\n{"v":1}\n'
    )


def test_cut_at_every_byte_of_the_last_lines(tmp_path: Path) -> None:
    """It can be read, and going on costs the torn line and no other."""
    path = tmp_path / "m.jsonl"
    _log(path, 6)
    whole = path.read_bytes()
    starts = [0, *(at + 1 for at, byte in enumerate(whole) if byte == ord("\n"))]
    for cut in range(starts[-4], len(whole) + 1):
        path.write_bytes(whole[:cut])
        left = whole[:cut].count(b"\n")
        log = MetricsLog(path)
        assert [line["step"] for line in log.read()] == list(range(1, left + 1))
        assert len(log.csv().splitlines()) == left + 1
        assert log.open().length == starts[left]
        log.add({"step": 100})
        log.close()
        assert [line["step"] for line in log.read()] == [*range(1, left + 1), 100]
        assert path.read_bytes().startswith(whole[: starts[left]])


def test_a_tail_of_zeros_is_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    _log(path, 2)
    length = path.stat().st_size
    path.write_bytes(path.read_bytes() + bytes(200_000))  # longer than what is searched at once
    log = MetricsLog(path)
    assert len(log.read()) == 2 and log.open().length == length
    log.close()
    assert path.stat().st_size == length


def test_truncate(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    lengths = []
    log = MetricsLog(path)
    for step in (1, 2, 3):
        log.add({"step": step})
        lengths.append(log.open().length)
    assert log.truncate(lengths[1]) is None
    assert [line["step"] for line in log.read()] == [1, 2]
    message = log.truncate(lengths[2])
    assert message and f"({lengths[1]} bytes, {lengths[2]} expected)" in message
    assert log.truncate(lengths[1] - 3)  # within a line: that line goes as well
    assert [line["step"] for line in log.read()] == [1]
    assert log.truncate(0) is None and log.read() == [] and path.read_bytes() == b""


def test_csv(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "m.jsonl")
    log.add({"epoch": 1, "step": 10, "train": {"loss": 0.1}, "lr": 1e-3, "note": 'a "b", c'})
    log.add({"epoch": 2, "step": 20, "train": {"loss": float("inf")}, "val": {"f1": [1, 0.25]}})
    rows = list(csv.reader(log.csv().decode().splitlines()))
    assert rows == [
        ["epoch", "step", "lr", "note", "train.loss", "val.f1.0", "val.f1.1"],
        ["1", "10", "0.001", 'a "b", c', "0.1", "", ""],
        ["2", "20", "", "", "", "1", "0.25"],
    ]
    assert MetricsLog(tmp_path / "none.jsonl").csv() == b"epoch,step\n"


@pytest.mark.parametrize("line", ["", "{", "[1]", '{"step":1}', '{"v":1,"a":NaN}', "\x00\x00", "[" * 100_000])
def test_a_bad_line_in_the_middle_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"v":1,"step":1}\n' + line + '\n{"v":1,"step":2}\n')
    with pytest.raises(CheckpointError, match=r"m.jsonl:2: this line is not a line of metrics"):
        MetricsLog(path).read()


def test_a_line_of_a_newer_bpcli_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(json.dumps({"v": 2}) + "\n")
    with pytest.raises(CheckpointError, match=r"version 2, and this bpcli knows version 1"):
        MetricsLog(path).read()
