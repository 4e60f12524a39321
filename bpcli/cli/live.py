"""Training on a terminal: a bar that moves, above it a line for each epoch that is done.

The one module that imports rich, and only where somebody is watching.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from bpcli.cli.gate import Limit
from bpcli.cli.text import number, short
from bpcli.cli.view import Lines

if TYPE_CHECKING:
    from bpcli.train.progress import Event

#: Seconds between two looks of the bar; a person reads no faster.
_PERIOD = 0.1


class Live(Lines):
    """`Lines`, and while it runs: epoch, bar, loss, validation, learning rate, gradient norm, time left."""

    def __init__(self, limits: Sequence[Limit] = (), *, several: int = 0) -> None:
        super().__init__(limits, several=several)
        self._console = Console(file=sys.stdout, highlight=False)
        facts = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[facts]}", markup=False, table_column=facts),
            TimeRemainingColumn(compact=True),
            TextColumn("left", table_column=Column(no_wrap=True)),
            console=self._console,
            transient=True,
            expand=True,
        )
        self._task: TaskID | None = None
        self._next = 0.0
        self._val = ""

    def step(self, event: Event) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _PERIOD
        super().step(event)
        done = event["epoch"] - 1 + event["batch"] / event["batches"]
        facts = (
            f"loss {number(event['loss'])}",
            self._val,
            f"lr {short(event['rate'])}",
            f"grad {short(event['gradient_norm'])}",
        )
        epoch, told = f"{event['epoch']}/{event['epochs']}", "  ".join(fact for fact in facts if fact)
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task("", total=event["epochs"], epoch=epoch, facts=told)
        self._progress.update(self._task, completed=done, epoch=epoch, facts=told)

    def note(self, event: Event) -> None:
        if self._task is None:
            super().note(event)
        else:
            self._print(f"note: {event['message']}")

    def epoch(self, event: Event) -> None:
        values = event["metrics"].get("val", {})
        told = [name for name, value in values.items() if isinstance(value, (int, float))]
        if told:
            name = next((name for name in told if name != "loss"), told[0])
            self._val = f"val {name} {number(values[name])}"
        super().epoch(event)

    def fitted(self, event: Event, took: str) -> str:
        """The fullest line that fits the terminal's width, or else the beginning of the shortest."""
        room = self._console.width - 1
        line = ""
        for pace, train in ((True, True), (False, True), (False, False)):
            line = self.line(event, took, pace=pace, train=train)
            if len(line) <= room:
                break
        return line[:room]

    def say(self, text: str) -> None:
        if self._task is None:
            super().say(text)
        else:
            self._print(text)

    def error(self, event: Event) -> None:
        self._stop()

    def end(self, event: Event) -> None:
        self._stop()
        super().end(event)

    def _print(self, line: str) -> None:
        """A line above the bar."""
        self._console.print(Text(line), soft_wrap=True)

    def _stop(self) -> None:
        self._progress.stop()
        if self._task is not None:
            self._progress.remove_task(self._task)  # of several seeds, each has a bar of its own
        self._task, self._val = None, ""
