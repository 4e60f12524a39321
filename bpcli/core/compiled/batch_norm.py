"""The passes of batch_norm over arrays (lines, width): bpcli/layers/_batch_passes.py. Sums are float64."""

from __future__ import annotations

from typing import Any

from bpcli.core.compiled._jit import kernel


@kernel
def centre(x: Any, mean: Any, centred: Any, squares: Any) -> None:
    """centred = x - mean; squares (width,) += Σ centred²."""
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            d = x[i, j] - mean[j]
            centred[i, j] = d
            squares[j] += d * d


@kernel
def scale(x: Any, slope: Any, shift: Any, y: Any) -> None:
    """y = slope x + shift."""
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[i, j] = slope[j] * x[i, j] + shift[j]


@kernel
def add_up(dy: Any, centred: Any, of_dy: Any, of_both: Any) -> None:
    """of_dy (width,) += Σ dy; of_both (width,) += Σ dy centred."""
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            of_dy[j] += dy[i, j]
            of_both[j] += dy[i, j] * centred[i, j]


@kernel
def back(dy: Any, centred: Any, with_dy: Any, with_x: Any, slope: Any, dx: Any) -> None:
    """dx = slope (dy - with_dy - with_x centred)."""
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            dx[i, j] = slope[j] * (dy[i, j] - with_dy[j] - with_x[j] * centred[i, j])
