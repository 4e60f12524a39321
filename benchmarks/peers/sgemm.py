"""Not a peer but the limit: NumPy's own product of two matrices of 1,024, on as many threads."""

from __future__ import annotations

import numpy as np

from benchmarks.job import Job
from benchmarks.turns import Turns

PACKAGES = ("numpy",)
SIZE = 1024
FLOPS = 2 * SIZE**3


def run(job: Job, turns: Turns) -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal((SIZE, SIZE), np.float32) for _ in range(2))
    out = np.empty_like(a)
    while True:
        np.matmul(a, b, out=out)
        turns(lambda: None)
