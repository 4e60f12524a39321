"""The maximum over windows, and where its gradient goes: bpcli/layers/_max_pool.py.

x, dx (n, h, w, c), y, dy (n, windows down, windows across, c); `down` and `across` are (taps, stride,
dilation, padding before) of the windows on an axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from bpcli.core.compiled._jit import kernel
from bpcli.core.compiled._team import Team

_ZERO = np.float32(0)


@Team
def forward(table: Any, x: Any, y: Any, down: Any, across: Any) -> None:
    """y = the largest value of each window; NaN is larger than all."""
    for block in prange(len(table)):
        _, start, stop = table[block]
        _forward(x, y, down, across, start, stop)


@Team
def backward(table: Any, x: Any, y: Any, dy: Any, dx: Any, left: Any, down: Any, across: Any) -> None:
    """dx = dy at the first value that is as large as y, summed over windows; left (blocks, c) is scratch."""
    for block in prange(len(table)):
        number, start, stop = table[block]
        _backward(x, y, dy, dx, left[number], down, across, start, stop)


@kernel
def _forward(x: Any, y: Any, down: Any, across: Any, start: int, stop: int) -> None:
    """For images start to stop."""
    _, h, w, c = x.shape
    for n in range(start, stop):
        for u in range(y.shape[1]):
            for v in range(y.shape[2]):
                first = True
                for i in range(down[0]):
                    row = u * down[1] + i * down[2] - down[3]
                    for j in range(across[0]):
                        column = v * across[1] + j * across[2] - across[3]
                        if not (0 <= row < h and 0 <= column < w):
                            continue
                        if first:
                            for q in range(c):
                                y[n, u, v, q] = x[n, row, column, q]
                            first = False
                            continue
                        for q in range(c):
                            a, b = x[n, row, column, q], y[n, u, v, q]
                            y[n, u, v, q] = b if b >= a or b != b else a


@kernel
def _backward(
    x: Any, y: Any, dy: Any, dx: Any, left: Any, down: Any, across: Any, start: int, stop: int
) -> None:
    """For images start to stop; left (c,)."""
    _, h, w, c = x.shape
    for n in range(start, stop):
        dx[n] = _ZERO
        for u in range(y.shape[1]):
            for v in range(y.shape[2]):
                for q in range(c):
                    left[q] = dy[n, u, v, q]
                for i in range(down[0]):
                    row = u * down[1] + i * down[2] - down[3]
                    for j in range(across[0]):
                        column = v * across[1] + j * across[2] - across[3]
                        if not (0 <= row < h and 0 <= column < w):
                            continue
                        for q in range(c):
                            here = x[n, row, column, q] == y[n, u, v, q]
                            dx[n, row, column, q] += left[q] if here else _ZERO
                            left[q] = _ZERO if here else left[q]
