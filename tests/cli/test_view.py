"""Training as it is seen on a terminal, and the small parts that its lines are made of."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bpcli.cli import live, output, text
from bpcli.cli.live import Live
from bpcli.cli.view import Lines, View, view

from .conftest import Cli, command, surroundings


class Terminal(io.StringIO):
    """A terminal that remembers what was written."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def watched(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Puts a terminal in the place of stdout. No fixture: pytest sets stdout anew between setup and test."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    for name, value in {"TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CI", raising=False)
    return screen


def step(epoch: int, batch: int, **more: Any) -> dict[str, Any]:
    return {
        "event": "step", "epoch": epoch, "epochs": 12, "step": 10 * (epoch - 1) + batch, "batch": batch,
        "batches": 10, "loss": 0.51234, "rate": 0.001, "gradient_norm": 1.23456, **more,
    }  # fmt: skip


def epoch(number: int) -> dict[str, Any]:
    metrics = {"train": {"loss": 0.5, "accuracy": 0.75}, "val": {"loss": 0.25, "accuracy": 0.875}}
    return {
        "event": "epoch", "epoch": number, "step": number * 10, "metrics": metrics, "rate": 0.001,
        "gradient_norm": 1.5,
    }  # fmt: skip


def rendered(shown: Live) -> str:
    """The bar as rich would draw it now, without control codes."""
    console = shown._console
    with console.capture() as captured:
        console.print(shown._progress.get_renderable())
    return captured.get().splitlines()[-1].replace("\x1b[2K", "").lstrip("\r")


def test_the_bar_shows_all_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    watched(monkeypatch)
    monkeypatch.setenv("COLUMNS", "110")
    now = [0.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    shown = Live()
    try:
        shown(epoch(1))
        shown(step(2, 1))
        now[0] = 2.0
        shown(step(2, 6))
        line = rendered(shown)
    finally:
        shown({"event": "error"})
    assert line.startswith("epoch 2/12 ")
    for part in ("loss 0.5123", "val accuracy 0.8750", "lr 0.001", "grad 1.23", "left"):
        assert part in line


def test_steps_cost_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    watched(monkeypatch)
    now = [0.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    shown = Live()
    updates = []
    monkeypatch.setattr(shown._progress, "update", lambda *_, **__: updates.append(1))
    for i in range(1000):
        now[0] += 0.001
        shown(step(1, i % 10 + 1))
    shown({"event": "error"})
    assert len(updates) <= 11, "ten looks a second, whatever the number of steps"


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    terminal = watched(monkeypatch)
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = Live()
    shown._epochs = 12
    for number in (1, 2):
        shown(epoch(number))
    lines = terminal.getvalue().splitlines()
    assert len(lines) == 2 and all(len(line) < columns for line in lines)
    assert lines[0].startswith("epoch  1/12")
    if columns == 80:
        assert "val loss 0.2500  accuracy 0.8750" in lines[0]
    if columns == 200:
        assert "lr 0.001  grad 1.5" in lines[0]


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("CI", "true")])
def test_no_moving_line_where_nobody_sees_it_move(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    watched(monkeypatch)
    assert isinstance(view(as_json=False, quiet=False), Live)
    monkeypatch.setenv(name, value)
    assert type(view(as_json=False, quiet=False)) is Lines


def test_a_reader_who_leaves_does_not_stop_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise BrokenPipeError

    left: list[bool] = []
    monkeypatch.setattr("builtins.print", gone)
    monkeypatch.setattr(output, "discard", lambda: left.append(True))
    shown: View = Lines()
    shown(epoch(1))
    assert left == [True]


def test_on_a_real_terminal(work: Path) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        command("train", "clouds.yaml", "train.epochs=2"), cwd=work, stdout=theirs,
        stderr=subprocess.DEVNULL, env=surroundings(TERM="xterm", COLUMNS="90", LINES="30", CI=""),
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:  # how Linux says that the other side is closed
            break
        if not more:
            break
        seen += more
    os.close(ours)
    assert child.wait(60) == 0
    shown = seen.decode()
    assert "epoch 1/2 " in shown and "epoch 2/2 | train loss" in shown
    assert "completed after" in shown and "next: bpcli evaluate" in shown


def test_after_an_interruption_it_says_how_to_go_on(cli: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    Lines()({"event": "end", "status": "interrupted", "run": "runs/a-1", "metrics": {}})
    shown = capsys.readouterr().out
    assert shown.startswith("interrupted after") and "to go on: bpcli resume a-1\n" in shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0 µs"), (2e-6, "2.0 µs"), (0.00012, "120 µs"), (0.00999, "10 ms"), (0.0123, "12 ms"),
        (0.99999, "1.0 s"), (12.34, "12.3 s"), (99.97, "1 min 40 s"), (120, "2 min"), (3599.9, "1 h"),
        (3660, "1 h 1 min"), (90000, "1 d 1 h"),
    ],
)  # fmt: skip
def test_durations(seconds: float, shown: str) -> None:
    assert text.duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"), (0.0, "0.0000"), (0.97214, "0.9721"), (1.0, "1.0000"), (0.00012345, "0.000123"),
        (1234.5678, "1234.5678"), (1e6, "1e+06"), (float("nan"), "nan"), (12345, "12,345"), (-2.5, "-2.5000"),
    ],
)  # fmt: skip
def test_numbers(value: Any, shown: str) -> None:
    assert text.number(value) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 2**20, "5.0 MiB"), (2**41, "2.0 TiB")],
)
def test_sizes(count: int, shown: str) -> None:
    assert text.size(count) == shown


def test_clocks() -> None:
    assert [text.clock(s) for s in (7, 754.9, 3723)] == ["0:07", "12:34", "1:02:03"]


def test_a_table_is_aligned() -> None:
    assert text.table(["a", "n"], [["x", "1"], ["long", "200"]]) == ["a       n", "x       1", "long  200"]
    assert text.table((), []) == []


def test_definitions_wrap_under_themselves() -> None:
    lines = text.definitions([("a", "one two three four five six seven eight nine"), ("bc", "x")], 34)
    assert lines == ["a   one two three four five six", "    seven eight nine", "bc  x"]


def test_a_text_keeps_its_lines_where_they_fit() -> None:
    page = "y = x\n\n    code as it is\nthis line is a good deal wider than that"
    assert text.indented(page, None)[3] == "  this line is a good deal wider than that"
    assert text.indented(page, 32) == [
        "  y = x", "", "      code as it is", "  this line is a good deal", "  wider than that",
    ]  # fmt: skip
