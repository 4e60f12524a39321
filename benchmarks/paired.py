"""Times two commands in turn, A B A B …, as whole processes: wall seconds and peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    seconds: float
    cpu_seconds: float
    peak_mib: float


def once(command: Sequence[str], cwd: str) -> Run:
    """One whole process, its output thrown away; SystemExit where it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{complaint.decode()}")
    scale = 1 if sys.platform == "darwin" else 1024
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * scale / 2**20)


def compare(a: Sequence[str], b: Sequence[str], cwd: str, repeats: int) -> dict[str, float]:
    """Medians of `repeats` pairs after one warm-up each: seconds and MiB of both, and the ratios a/b."""
    once(a, cwd), once(b, cwd)
    pairs = [(once(a, cwd), once(b, cwd)) for _ in range(repeats)]
    median = statistics.median
    return {
        "a_seconds": median(x.seconds for x, _ in pairs),
        "b_seconds": median(y.seconds for _, y in pairs),
        "a_mib": median(x.peak_mib for x, _ in pairs),
        "b_mib": median(y.peak_mib for _, y in pairs),
        "time_ratio": median(x.seconds / y.seconds for x, y in pairs),
        "cpu_ratio": median(x.cpu_seconds / y.cpu_seconds for x, y in pairs),
        "memory_ratio": median(x.peak_mib / y.peak_mib for x, y in pairs),
    }


def warn_if_busy() -> None:
    """The load of other processes shows in every figure."""
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"warning: the machine is busy (load {load:.1f}); the figures will scatter", file=sys.stderr)


__all__ = ["Run", "compare", "once", "warn_if_busy"]
