"""Softmax and cross-entropy of class indices, row by row: bpcli/losses/cross_entropy.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcli.core.compiled._jit import kernel


@kernel
def rows(y: Any, t: Any, losses: Any, dy: Any) -> None:
    """losses (n,) = log Σ exp y - y[t], dy (n, k) = softmax(y), less 1 at t."""
    for i in range(y.shape[0]):
        top = y[i, 0]
        for j in range(1, y.shape[1]):
            top = max(top, y[i, j])
        total = np.float32(0)
        for j in range(y.shape[1]):
            e = np.exp(y[i, j] - top)
            dy[i, j] = e
            total += e
        share = np.float32(1) / total
        for j in range(y.shape[1]):
            dy[i, j] *= share
        losses[i] = np.log(total) - (y[i, t[i]] - top)
        dy[i, t[i]] -= np.float32(1)
