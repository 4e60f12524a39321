"""Times commands in turn, A B C A B C …, as whole processes: seconds, processor seconds and peak memory.

Peak memory begins with that of the process that starts another: whoever imports this imports no more than
the standard library.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Run:
    seconds: float
    cpu_seconds: float
    peak_mib: float


def once(command: Sequence[str], cwd: str, threads: int | None = None) -> Run:
    """One whole process, its output thrown away; SystemExit where it fails."""
    environment = {**os.environ, **({} if threads is None else dict.fromkeys(THREADS, str(threads)))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installation has its bytecode
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{complaint.decode()}")
    scale = 1 if sys.platform == "darwin" else 1024
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * scale / 2**20)


def compare(
    commands: Mapping[str, Sequence[str]], cwd: str, repeats: int, threads: int | None = None
) -> dict[str, Run]:
    """Of each command the medians of `repeats` rounds, after one to warm up."""
    for command in commands.values():
        once(command, cwd, threads)
    rounds = [
        {name: once(command, cwd, threads) for name, command in commands.items()} for _ in range(repeats)
    ]
    median = statistics.median
    return {
        name: Run(
            median(one[name].seconds for one in rounds),
            median(one[name].cpu_seconds for one in rounds),
            median(one[name].peak_mib for one in rounds),
        )
        for name in commands
    }


def script(name: str) -> str:
    """A command of the environment that runs this."""
    return str(Path(sys.executable).parent / name)


__all__ = ["Run", "compare", "once", "script"]
