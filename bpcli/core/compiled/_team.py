"""Kernels whose blocks run side by side on the threads of OpenMP.

A thread of Python has to be woken up and needs the interpreter to take a block: 50 µs, measured once, for two
blocks that come to life on two cores. Those of OpenMP look out for the next kernel for a while before they
sleep, and a kernel that they share costs 4 µs. Where Numba has not found OpenMP, the pool of core/rows.py
runs the same blocks. Either way a block is computed as it would be on one thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numba

from bpcli.core.compiled._jit import SETTINGS
from bpcli.core.rows import Blocks, Pool


def _has_openmp() -> bool:
    if "OMP_WAIT_POLICY" not in os.environ:  # else GNU's looks out for milliseconds, in the others' way
        os.environ.setdefault("GOMP_SPINCOUNT", "30000")
    try:
        import_module("numba.np.ufunc.omppool")
    except ImportError:
        return False
    _numba.config.THREADING_LAYER = "omp"
    return True


_numba: Any = numba
OPENMP = _has_openmp()
_MOST: int = _numba.config.NUMBA_NUM_THREADS


class Team:
    """A kernel (table, …) whose loop over the rows (number, start, stop) of `table` is a `prange`."""

    def __init__(self, function: Callable[..., None]) -> None:
        # What is kept on disk does not tell the two ways of compiling apart, so only one of them is kept.
        made = _numba.njit(cache=OPENMP, parallel=OPENMP, **SETTINGS)(function)
        self.kernel, self.__doc__, self.__module__ = made, function.__doc__, function.__module__

    def __call__(self, pool: Pool, blocks: Blocks, *arguments: Any) -> None:
        if OPENMP:
            _numba.set_num_threads(min(pool.threads, _MOST))
            self.kernel(blocks.table, *arguments)
            return
        tables = [blocks.table[number : number + 1] for number in range(len(blocks))]
        pool.run(lambda table: self.kernel(table, *arguments), tables)
