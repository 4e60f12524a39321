"""Signals only set a flag; the save happens at the next step's end."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Signals:
    """While entered, SIGINT, SIGTERM and SIGHUP are noted in `caught` instead of ending the process.

    A second one of them raises KeyboardInterrupt at once: every write is atomic, so that is safe too.
    Outside the main thread, where Python cannot set handlers, nothing is changed.
    """

    def __init__(self) -> None:
        self.caught: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.caught is not None:
            raise KeyboardInterrupt
        self.caught = number

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
