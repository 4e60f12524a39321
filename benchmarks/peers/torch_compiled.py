"""PyTorch with torch.compile over the net; it needs a C++ compiler."""

from __future__ import annotations

import shutil

from benchmarks.job import Job
from benchmarks.peers import torch_eager
from benchmarks.turns import Turns

PACKAGES = ("torch",)


def refuses(job: Job) -> str | None:
    return None if shutil.which("g++") or shutil.which("clang++") else "there is no C++ compiler"


def run(job: Job, turns: Turns) -> None:
    torch_eager.run(job, turns, compiled=True)
