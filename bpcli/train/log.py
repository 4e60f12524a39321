"""log.txt: what happened in a run, in words and with the time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bpcli.errors import BpcliError
from bpcli.train.progress import Event, Listener

if TYPE_CHECKING:
    from bpcli.runs.folder import RunFolder


def logged(folder: RunFolder, listener: Listener) -> Listener:
    """The same listener, with a line in the run's log for every event but the steps."""

    def both(event: Event) -> None:
        if event["event"] != "step":
            try:
                folder.log_text(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {_words(event)}")
            except BpcliError:
                if event["event"] not in {"error", "end"}:  # there, what went wrong first is what counts
                    raise
        listener(event)

    return both


def _words(event: Event) -> str:
    kind = event["event"]
    if kind == "start":
        came_from = event["resumed_from"]
        return "start" if came_from is None else f"resume from {came_from}"
    if kind == "note":
        return f"note: {event['message']}"
    if kind == "epoch":
        values = (
            f"{part}.{name}={value:.6g}"
            for part, metrics in event["metrics"].items()
            for name, value in metrics.items()
            if isinstance(value, (int, float))
        )
        return f"epoch {event['epoch']}, step {event['step']}: {' '.join(values)}"
    if kind == "error":
        return "error: " + "; ".join(problem["message"] for problem in event["errors"])
    return f"end: {event['status']}"
