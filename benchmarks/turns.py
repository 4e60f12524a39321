"""The worker's side of the timing: it counts steps, takes the time of blocks of them, and waits its turn."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from benchmarks.job import CHECKED

#: Seconds that a block of steps lasts at least: short against what disturbs, long against the clock.
BLOCK = 0.004


class Done(Exception):
    """The worker is not needed any more."""


class Turns:
    """Called after every step; lets the steps go on, and holds them while others have their turn.

    `ready()` waits until all that was asked for has been computed and gives the step's loss, or None. It is
    called for each of the first steps, whose losses are compared, and then once a block: no peer is made to
    wait for its own results more often than that.
    """

    def __init__(self, out: TextIO, commands: TextIO) -> None:
        self._out, self._commands = out, commands
        self._losses: list[float] = []
        self._checking = True
        self._block = self._count = 0
        self._times: list[float] = []
        self._steps = 0
        self._deadline = self._start = self._cpu = 0.0

    def __call__(self, ready: Callable[[], float | None], steps: int = 1) -> None:
        if self._checking:
            self._check(ready(), steps)
            return
        self._count += steps
        self._steps += steps
        if self._count < self._block:
            return
        ready()
        now = time.perf_counter()
        self._times.append((now - self._start) / self._count)
        if now >= self._deadline:
            self._report()
            self._wait()
        self._count = 0
        self._start = time.perf_counter()

    def _check(self, loss: float | None, steps: int) -> None:
        if loss is not None:
            self._losses.append(float(loss))
        self._count += steps
        if self._count >= CHECKED:
            self.say(losses=self._losses)
            self._checking, self._count = False, 0
            self._wait()
            self._start = time.perf_counter()

    def _wait(self) -> None:
        """Reads the next turn: `{"seconds": s}`; None ends the worker."""
        line = self._commands.readline()
        command = json.loads(line) if line.strip() else None
        if command is None:
            raise Done
        self._times.clear()
        self._deadline = time.perf_counter() + command["seconds"]
        self._block = command.get("block") or self._block or 1
        self._steps = 0
        self._cpu = time.process_time()

    def _report(self) -> None:
        self.say(
            times=self._times[1:] or self._times,  # the first block finds the caches as others left them
            block=max(self._block, round(BLOCK / min(self._times))),
            cpu=time.process_time() - self._cpu,
            steps=self._steps,
            peak_mib=peak_mib(),
        )

    def say(self, **told: Any) -> None:
        self._out.write(json.dumps(told) + "\n")
        self._out.flush()


def peak_mib() -> float:
    """The most memory that this process has had."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says begins with the memory of the process that started this one
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
