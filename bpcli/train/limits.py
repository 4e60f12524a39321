"""What this machine can do at the most: products of matrices, and bytes to and from memory."""

from __future__ import annotations

from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from bpcli.core.backend import backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.core.rows import Pool

#: The matrices of the product, and the bytes of each array that is copied: beyond any cache.
_SIDE, _BYTES = 1024, 96 << 20
_SECONDS = 0.25


class Limits(NamedTuple):
    """FLOPs and bytes a second."""

    flops: float
    bytes: float

    def best(self, other: Limits) -> Limits:
        """What was reached in either of two measurements."""
        return Limits(*map(max, self, other))

    def seconds(self, flops: float, moved: float) -> float:
        """The least time in which this much could be done: computing and moving go on side by side."""
        return max(flops / self.flops, moved / self.bytes)


def measure(pool: Pool, dtype: Any) -> Limits:
    """The best of some products, cut over the threads as layers cut theirs, and of some copies, likewise."""
    ctx = Ctx(Pass(backend(), pool=pool))
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((_SIDE, _SIDE)).astype(dtype) for _ in range(2))
    out = np.empty_like(a)
    product = _fastest(lambda: ctx.matmul(a, b, out))
    source = np.ones(_BYTES // a.itemsize, dtype)
    target = np.empty_like(source)
    step = -(-len(source) // pool.threads)
    blocks = [slice(start, start + step) for start in range(0, len(source), step)]
    copy = _fastest(lambda: pool.run(lambda rows: np.copyto(target[rows], source[rows]), blocks))
    return Limits(2.0 * _SIDE**3 / product, 2.0 * source.nbytes / copy)


def _fastest(work: Any) -> float:
    work()
    best, until = float("inf"), perf_counter() + _SECONDS
    while perf_counter() < until:
        start = perf_counter()
        work()
        best = min(best, perf_counter() - start)
    return best
