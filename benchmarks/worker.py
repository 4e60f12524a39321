"""One peer in a process of its own: `python -m benchmarks.worker PEER FOLDER`, told what to do on stdin."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.job import Job
from benchmarks.turns import Done, Turns


def main(peer: str, folder: str) -> None:
    # Frameworks print what they like; the runner reads a line of JSON at a time from the real stdout.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    job = Job.read(Path(folder))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: job.threads])
    turns = Turns(out, sys.stdin)
    try:
        module = import_module(f"benchmarks.peers.{peer}")
        refusal = module.refuses(job) if hasattr(module, "refuses") else None
        if refusal:
            turns.say(absent=refusal)
            return
        turns.say(versions={name: _version(name) for name in module.PACKAGES})
        module.run(job, turns)
    except Done:
        return
    except ImportError as error:
        turns.say(absent=f"not installed ({error.name or error})")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"


if __name__ == "__main__":
    main(*sys.argv[1:3])
