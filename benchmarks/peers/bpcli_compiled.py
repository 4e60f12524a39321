"""bpcli with `train.compiled: true`, as it is shipped otherwise."""

from __future__ import annotations

from importlib.util import find_spec

from benchmarks.job import Job
from benchmarks.peers import bpcli_loop
from benchmarks.turns import Turns

PACKAGES = ("bpcli", "numpy", "numba")


def refuses(job: Job) -> str | None:
    if job.inference:
        return "the kernels are for training"
    return None if find_spec("numba") else "not installed (numba)"


def run(job: Job, turns: Turns) -> None:
    bpcli_loop.run(job, turns, compiled=True)
