"""A layer between bpcli's only writing module and the system: counts its calls, breaks them when asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from bpcli.runs import durable

#: The calls that can fail on a sick disk, all that durable.py makes.
CALLS = ("open", "read", "write", "fsync", "replace", "unlink", "mkdir", "ftruncate", "symlink", "close")


class Crash(BaseException):
    """The process is dead: nothing may happen after this."""


class FaultyOs:
    """Looks like `os`. `before(index, name)` runs before call number `index` and may raise."""

    def __init__(self, before: Callable[[int, str], None] = lambda index, name: None) -> None:
        self.calls: list[str] = []
        self._before = before
        #: Whether the write that a fault hits still puts half of its bytes down.
        self.torn = False

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in CALLS:
            return real

        def call(*args: Any, **options: Any) -> Any:
            self.calls.append(name)
            try:
                self._before(len(self.calls), name)
            except BaseException:
                if name == "close":  # the descriptor is gone all the same
                    real(*args)
                if name == "write" and self.torn:
                    self.torn = False
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                raise
            return None if name == "fsync" else real(*args, **options)  # the tests need not wait for a disk

        return call


@contextmanager
def broken(fake: Any):
    """Within it, durable.py talks to `fake`."""
    real, durable.os = durable.os, fake
    try:
        yield fake
    finally:
        durable.os = real


def fail(at: int, number: int, for_ever: bool) -> Callable[[int, str], None]:
    """A fault at call number `at` with errno `number`: once, or from there on."""

    def before(index: int, name: str) -> None:
        if index == at or (for_ever and index > at):
            raise OSError(number, os.strerror(number))

    return before


def crash(at: int) -> Callable[[int, str], None]:
    """Death at call number `at`; the dead do not write later either."""

    def before(index: int, name: str) -> None:
        if index >= at:
            raise Crash

    return before
