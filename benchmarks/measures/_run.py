"""Runs measures, each as a program of its own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import Watch
from benchmarks.paired import THREADS

ROOT = Path(__file__).resolve().parent.parent.parent


def run(name: str, peers: Sequence[str], *, threads: int, repeats: int) -> list[dict[str, Any]]:
    """The findings of one measure, each with what others used of the cores; SystemExit where it fails."""
    command = [
        sys.executable, "-m", f"benchmarks.measures.{name}", "--peers", ",".join(peers),
        "--threads", str(threads), "--repeats", str(repeats),
    ]  # fmt: skip
    environment = {**os.environ, **dict.fromkeys(THREADS, str(threads)), "PYTHONPATH": str(ROOT)}
    watch, before = Watch(), _used()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    others = watch.others(_used() - before)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return [{**json.loads(line), "others": others} for line in lines]


def _used() -> float:
    """Seconds of processor time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
