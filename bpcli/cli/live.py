"""Training on a terminal: a line that moves, above it a line for each epoch that is done.

Written by hand and not with a progress library, which would cost more to import than a small run takes. It
needs of the terminal only what every one has, the return to the line's beginning.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from bpcli.cli import output
from bpcli.cli.gate import Limit
from bpcli.cli.text import clock, number, short
from bpcli.cli.view import Lines

if TYPE_CHECKING:
    from bpcli.train.progress import Event

#: Seconds between two looks of the moving line; a person reads no faster.
_PERIOD = 0.1
_BAR, _SHORTEST_BAR = 30, 5


class Live(Lines):
    """`Lines`, and while it runs: epoch, bar, loss, validation, learning rate, gradient norm, time left."""

    def __init__(self, limits: Sequence[Limit] = ()) -> None:
        super().__init__(limits)
        self._next = 0.0
        self._shown = 0  # characters of the moving line that stand on the terminal
        self._from: tuple[float, float] | None = None  # when the first step was seen, and how far it was
        self._val = ""
        self._colour = output.coloured(sys.stdout)
        self._full, self._empty = _glyphs()

    def step(self, event: Event) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _PERIOD
        super().step(event)
        epochs = event["epochs"]
        done = min((event["epoch"] - 1 + event["batch"] / event["batches"]) / epochs, 1.0)
        if self._from is None:
            self._from = (now, done)
        self._draw(event, done, _left(now, done, *self._from))

    def note(self, event: Event) -> None:
        self._wipe()
        super().note(event)

    def epoch(self, event: Event) -> None:
        values = event["metrics"].get("val", {})
        told = [name for name, value in values.items() if isinstance(value, (int, float))]
        if told:
            name = next((name for name in told if name != "loss"), told[0])
            self._val = f"val {name} {number(values[name])}"
        self._wipe()
        super().epoch(event)
        self._next = 0.0

    def fitted(self, event: Event, took: str) -> str:
        """The fullest line that fits the terminal's width, or else the beginning of the shortest."""
        room = get_terminal_size().columns - 1
        line = ""
        for pace, train in ((True, True), (False, True), (False, False)):
            line = self.line(event, took, pace=pace, train=train)
            if len(line) <= room:
                break
        return line[:room]

    def error(self, event: Event) -> None:
        self._wipe()

    def end(self, event: Event) -> None:
        self._wipe()
        super().end(event)

    def _draw(self, event: Event, done: float, left: str) -> None:
        cells = [
            f"epoch {event['epoch']}/{event['epochs']}",
            f"loss {number(event['loss'])}",
            self._val,
            f"lr {short(event['rate'])}",
            f"grad {short(event['gradient_norm'])}",
            left,
        ]
        cells = [cell for cell in cells if cell]
        room = get_terminal_size().columns - 1
        length = min(room - len("  ".join(cells)) - 2, _BAR)
        bar = ""
        if length >= _SHORTEST_BAR:
            filled = round(done * length)
            bar = self._full * filled
            cells.insert(1, bar + self._empty * (length - filled))
        line = "  ".join(cells)[:room]
        padded = line.ljust(self._shown)
        self._shown = len(line)
        if self._colour and bar:
            padded = padded.replace(bar, f"\x1b[36m{bar}\x1b[0m", 1)
        self._write(f"\r{padded}")

    def _wipe(self) -> None:
        if self._shown:
            self._write("\r" + " " * self._shown + "\r")
            self._shown = 0

    def _write(self, text: str) -> None:
        try:
            output.say(text, end="")
        except BrokenPipeError:
            output.discard()


def _left(now: float, done: float, began: float, before: float) -> str:
    """The time left, once there is anything to tell it from."""
    if now - began < 0.5 or done <= before:
        return ""
    return clock((now - began) * (1 - done) / (done - before)) + " left"


def _glyphs() -> tuple[str, str]:
    """The bar's two signs, as far as the terminal's encoding has them."""
    try:
        "━─".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "#", "-"
    return "━", "─"
