"""What a user sees of a training: lines of text, a moving line on a terminal, or JSON.

A view is a listener of training's events. Most of them are `step` events, up to tens of thousands a second,
so a view looks at the clock and mostly does nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpcli.cli import output
from bpcli.cli.gate import Limit, check_measured, judge, judge_means
from bpcli.cli.text import duration, number, plural, short
from bpcli.errors import CheckFailed

if TYPE_CHECKING:
    from bpcli.train.progress import Event

Metrics = Mapping[str, Mapping[str, Any]]
_ENDED = {
    "completed": "completed",
    "early_stopped": "stopped early: it no longer got better",
    "time_limit": "stopped: the time is up",
    "interrupted": "interrupted",
    "diverged": "diverged",
    "failed": "failed",
}
_WENT_WELL = ("completed", "early_stopped", "time_limit")


class View:
    """Tells events to nobody, and judges the result; `failed` is the error if it is not good enough.

    Of a series of several seeds, the means are judged. A reader that closes the pipe does not end the
    training: it goes on in silence, and the run is kept.
    """

    def __init__(self, limits: Sequence[Limit] = (), *, several: int = 0) -> None:
        """`several`: how many seeds are to come, where it is a series."""
        self.limits, self.several = limits, several
        self.failed: CheckFailed | None = None
        self._first = True
        self._said = set[str]()

    def __call__(self, event: Event) -> None:
        kind = event["event"]
        if kind == "step":
            self.step(event)
            return
        if kind == "epoch" and self._first:
            self._first = False
            check_measured(self.limits, event["metrics"])
        if kind == "end" and event["status"] in _WENT_WELL and not self.several:
            self.failed = judge(self.limits, event["metrics"])
        if kind == "seeds" and event["seeds"]:
            self.failed = judge_means(self.limits, event)
        if kind == "note" and self.several:  # each seed has the same to say
            if event["message"] in self._said:
                return
            self._said.add(event["message"])
        try:
            getattr(self, kind)(event)
        except BrokenPipeError:
            output.discard()

    def step(self, event: Event) -> None:
        """After every update."""

    def start(self, event: Event) -> None: ...

    def note(self, event: Event) -> None:
        output.note(f"note: {event['message']}")

    def epoch(self, event: Event) -> None: ...

    def error(self, event: Event) -> None:
        """Nothing: the error is on its way up, and is told where every error is."""

    def end(self, event: Event) -> None: ...

    def seeds(self, event: Event) -> None:
        """The last event of a series."""


class Json(View):
    """One event a line, for a program."""

    def start(self, event: Event) -> None:
        output.json_line(event)

    def epoch(self, event: Event) -> None:
        output.json_line(event)

    def error(self, event: Event) -> None:
        output.json_line(event)

    def end(self, event: Event) -> None:
        if self.failed:
            output.json_line(self.failed.as_event())
            self.failed.reported = True
        output.json_line(event)

    def seeds(self, event: Event) -> None:
        self.end(event)


class Quiet(View):
    """The run's folder at the end, for a script."""

    def note(self, event: Event) -> None: ...

    def end(self, event: Event) -> None:
        output.say(event["run"])


class Lines(View):
    """A line an epoch, for a log."""

    def __init__(self, limits: Sequence[Limit] = (), *, several: int = 0) -> None:
        super().__init__(limits, several=several)
        self._number = 0  # of the seed in a series
        self._began = self._epoch_began = time.monotonic()
        self._epochs: int | None = None

    def say(self, text: str) -> None:
        output.say(text)

    def start(self, event: Event) -> None:
        came_from = event["resumed_from"]
        self._began = time.monotonic()
        if self.several:
            self._number += 1
            output.say(f"seed {event['seed']} ({self._number} of {self.several}): run {event['run']}")
        elif came_from is None:
            output.say(f"run {event['run']}")
        elif came_from["step"] == 0:
            output.say(f"run {event['run']}, from the beginning")
        else:
            where = f"{plural(came_from['epoch'], 'epoch')} and {plural(came_from['step'], 'step')} done"
            output.say(f"run {event['run']}, from its checkpoint '{came_from['checkpoint']}': {where}")
        self._epoch_began = time.monotonic()

    def step(self, event: Event) -> None:
        if self._epochs is None:
            self._epochs = event["epochs"]

    def epoch(self, event: Event) -> None:
        now = time.monotonic()
        seconds, self._epoch_began = now - self._epoch_began, now
        self.say(self.fitted(event, duration(seconds)))

    def fitted(self, event: Event, took: str) -> str:
        """The line of an epoch; in a log it may be as long as it likes."""
        return self.line(event, took)

    def line(self, event: Event, took: str, *, pace: bool = True, train: bool = True) -> str:
        """epoch 3/10 | train loss 0.2  accuracy 0.9 | val loss 0.3 | lr 0.001  grad 0.2  31 ms

        Without `pace`, no rate and norm; without `train`, only the loss of the training part.
        """
        total = f"/{self._epochs}" if self._epochs else ""
        parts = [f"epoch {event['epoch']:>{max(len(total) - 1, 0)}}{total}"]
        for part, values in event["metrics"].items():
            shown = [(name, value) for name, value in values.items() if _is_number(value)]
            if part == "train" and not train:
                shown = shown[:1]
            parts.append(part + " " + "  ".join(f"{name} {number(value)}" for name, value in shown))
        rates = [f"{word} {short(event[key])}" for key, word in _PACE if pace and event.get(key) is not None]
        return " | ".join([*parts, "  ".join([*rates, took])])

    def end(self, event: Event) -> None:
        from bpcli.cli.tables import gradients, results

        status, metrics, best = event["status"], event["metrics"], event.get("best_epoch")
        took = duration(time.monotonic() - self._began)
        lines = [f"{_ENDED[status]} after {took}"]
        if status in _WENT_WELL:
            if best and "val" in metrics:
                lines[0] += f"; these are the weights of epoch {best}"
            if self.several:
                output.say(lines[0] + self._main(metrics))
                return
            lines += results(metrics, event.get("baseline") or {}, event.get("labels") or ())
            if found := event.get("gradient_norms"):
                lines += gradients(found)
        if not self.several or status == "interrupted":
            lines += _next_steps(event["run"], status)
        output.say("\n".join(lines))

    def seeds(self, event: Event) -> None:
        from bpcli.cli.series import series

        output.say("\n".join(series(event)))

    def _main(self, metrics: Metrics) -> str:
        """: test loss 0.3  accuracy 0.9, of the part that counts."""
        part = next((part for part in ("test", "val", "train") if part in metrics), None)
        if part is None:
            return ""
        shown = [f"{name} {number(value)}" for name, value in metrics[part].items() if _is_number(value)]
        return f": {part} " + "  ".join(shown)


_PACE = (("rate", "lr"), ("gradient_norm", "grad"))


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, (int, float))


def _next_steps(run: str, status: str) -> list[str]:
    """The run's folder, and the commands that one wants next."""
    path = Path(run)
    ref = path.name if path.parent == Path("runs") else run
    lines = [f"run: {run}"]
    if status in ("interrupted", "time_limit"):
        lines.append(f"to go on: bpcli resume {ref}")
    elif status in ("completed", "early_stopped"):
        lines.append(f"next: bpcli evaluate {ref}")
        lines.append(f"      bpcli predict {ref} --data FILE")
    return lines


def view(*, as_json: bool, quiet: bool, limits: Sequence[Limit] = (), several: int = 0) -> View:
    """The view that fits the options, and whether a person is watching; `several`: seeds of a series."""
    if as_json:
        return Json(limits, several=several)
    if quiet:
        return Quiet(limits, several=several)
    if output.is_terminal(sys.stdout):
        from bpcli.cli.live import Live

        return Live(limits, several=several)
    return Lines(limits, several=several)
