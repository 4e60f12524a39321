"""The passes of batch_norm over arrays (n, lines, width): bpcli/layers/_batch_passes.py.

What is of a channel is given along a line, (width,). Sums are float64, (blocks, width): those of each block
on their own, and zero before. The numbers of an example are added up in float32 first, in `some` (blocks, 2,
width), which is scratch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from bpcli.core.compiled._jit import kernel
from bpcli.core.compiled._team import Team

_ZERO = np.float32(0)


@Team
def moments(table: Any, x: Any, start: Any, some: Any, sums: Any, squares: Any) -> None:
    """sums += Σ (x - start); squares += Σ (x - start)²."""
    for block in prange(len(table)):
        number, first, stop = table[block]
        _moments(x[first:stop], start, some[number, 0], some[number, 1], sums[number], squares[number])


@Team
def normalize(table: Any, x: Any, mean: Any, slope: Any, shift: Any, y: Any) -> None:
    """y = slope (x - mean) + shift."""
    for block in prange(len(table)):
        _, first, stop = table[block]
        _normalize(x[first:stop], mean, slope, shift, y[first:stop])


@Team
def products(table: Any, dy: Any, x: Any, mean: Any, some: Any, of_dy: Any, of_both: Any) -> None:
    """of_dy += Σ dy; of_both += Σ dy (x - mean)."""
    for block in prange(len(table)):
        number, first, stop = table[block]
        _products(
            dy[first:stop], x[first:stop], mean, some[number, 0], some[number, 1], of_dy[number],
            of_both[number],
        )  # fmt: skip


@Team
def back(
    table: Any, dy: Any, x: Any, mean: Any, with_dy: Any, with_x: Any, slope: Any, dx: Any
) -> None:  # fmt: skip
    """dx = slope (dy - with_dy - with_x (x - mean))."""
    for block in prange(len(table)):
        _, first, stop = table[block]
        _back(dy[first:stop], x[first:stop], mean, with_dy, with_x, slope, dx[first:stop])


@kernel
def _moments(x: Any, start: Any, some: Any, of_squares: Any, sums: Any, squares: Any) -> None:
    n, lines, width = x.shape
    for i in range(n):
        for j in range(width):
            some[j] = of_squares[j] = _ZERO
        for k in range(lines):
            for j in range(width):
                d = x[i, k, j] - start[j]
                some[j] += d
                of_squares[j] += d * d
        for j in range(width):
            sums[j] += some[j]
            squares[j] += of_squares[j]


@kernel
def _normalize(x: Any, mean: Any, slope: Any, shift: Any, y: Any) -> None:
    n, lines, width = x.shape
    for i in range(n):
        for k in range(lines):
            for j in range(width):
                y[i, k, j] = slope[j] * (x[i, k, j] - mean[j]) + shift[j]


@kernel
def _products(dy: Any, x: Any, mean: Any, some: Any, both: Any, of_dy: Any, of_both: Any) -> None:
    n, lines, width = dy.shape
    for i in range(n):
        for j in range(width):
            some[j] = both[j] = _ZERO
        for k in range(lines):
            for j in range(width):
                d = dy[i, k, j]
                some[j] += d
                both[j] += d * (x[i, k, j] - mean[j])
        for j in range(width):
            of_dy[j] += some[j]
            of_both[j] += both[j]


@kernel
def _back(dy: Any, x: Any, mean: Any, with_dy: Any, with_x: Any, slope: Any, dx: Any) -> None:
    n, lines, width = dy.shape
    for i in range(n):
        for k in range(lines):
            for j in range(width):
                dx[i, k, j] = slope[j] * (dy[i, k, j] - with_dy[j] - with_x[j] * (x[i, k, j] - mean[j]))
