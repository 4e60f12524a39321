"""The passes of batch_norm over arrays (n, lines, width): bpcli/layers/_batch_passes.py.

Sums are float64, (blocks, width): those of each block on their own, and zero before.
"""

from __future__ import annotations

from typing import Any

from numba import prange

from bpcli.core.compiled._jit import kernel
from bpcli.core.compiled._team import Team


@Team
def centre(table: Any, x: Any, mean: Any, centred: Any, squares: Any) -> None:
    """centred = x - mean; squares += Σ centred²."""
    for block in prange(len(table)):
        number, start, stop = table[block]
        _centre(x[start:stop], mean, centred[start:stop], squares[number])


@Team
def scale(table: Any, x: Any, slope: Any, shift: Any, y: Any) -> None:
    """y = slope x + shift."""
    for block in prange(len(table)):
        _, start, stop = table[block]
        _scale(x[start:stop], slope, shift, y[start:stop])


@Team
def add_up(table: Any, dy: Any, centred: Any, of_dy: Any, of_both: Any) -> None:
    """of_dy += Σ dy; of_both += Σ dy centred."""
    for block in prange(len(table)):
        number, start, stop = table[block]
        _add_up(dy[start:stop], centred[start:stop], of_dy[number], of_both[number])


@Team
def back(table: Any, dy: Any, centred: Any, with_dy: Any, with_x: Any, slope: Any, dx: Any) -> None:
    """dx = slope (dy - with_dy - with_x centred)."""
    for block in prange(len(table)):
        _, start, stop = table[block]
        _back(dy[start:stop], centred[start:stop], with_dy, with_x, slope, dx[start:stop])


@kernel
def _centre(x: Any, mean: Any, centred: Any, squares: Any) -> None:
    n, lines, width = x.shape
    for i in range(n):
        for k in range(lines):
            for j in range(width):
                d = x[i, k, j] - mean[j]
                centred[i, k, j] = d
                squares[j] += d * d


@kernel
def _scale(x: Any, slope: Any, shift: Any, y: Any) -> None:
    n, lines, width = x.shape
    for i in range(n):
        for k in range(lines):
            for j in range(width):
                y[i, k, j] = slope[j] * x[i, k, j] + shift[j]


@kernel
def _add_up(dy: Any, centred: Any, of_dy: Any, of_both: Any) -> None:
    n, lines, width = dy.shape
    for i in range(n):
        for k in range(lines):
            for j in range(width):
                of_dy[j] += dy[i, k, j]
                of_both[j] += dy[i, k, j] * centred[i, k, j]


@kernel
def _back(dy: Any, centred: Any, with_dy: Any, with_x: Any, slope: Any, dx: Any) -> None:
    n, lines, width = dy.shape
    for i in range(n):
        for k in range(lines):
            for j in range(width):
                dx[i, k, j] = slope[j] * (dy[i, k, j] - with_dy[j] - with_x[j] * centred[i, k, j])
