"""Bias and activation of a dense layer in one pass: bpcli/layers/dense.py. A name is that of an activation.

Forward: z (m, units) becomes f(z + b). Backward: dz = dy f'(y), db = Σ dz.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcli.core.compiled._jit import kernel, sigmoid_of_twice
from bpcli.core.compiled._jit import tanh as tanh_of

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


@kernel
def relu(z: Any, b: Any) -> None:
    """f(z) = max(z, 0)."""
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            x = z[i, j] + b[j]
            z[i, j] = _ZERO if x < _ZERO else x  # NaN stays


@kernel
def relu_back(dy: Any, y: Any, dz: Any, db: Any) -> None:
    """f' = 1 where y > 0, else 0."""
    db[:] = _ZERO
    for i in range(dz.shape[0]):
        for j in range(dz.shape[1]):
            d = dy[i, j] if y[i, j] > _ZERO else _ZERO
            dz[i, j] = d
            db[j] += d


@kernel
def tanh(z: Any, b: Any) -> None:
    """f = tanh."""
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            z[i, j] = tanh_of(z[i, j] + b[j])


@kernel
def tanh_back(dy: Any, y: Any, dz: Any, db: Any) -> None:
    """f' = 1 - y²."""
    db[:] = _ZERO
    for i in range(dz.shape[0]):
        for j in range(dz.shape[1]):
            d = dy[i, j] * (_ONE - y[i, j] * y[i, j])
            dz[i, j] = d
            db[j] += d


@kernel
def sigmoid(z: Any, b: Any) -> None:
    """f = σ."""
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            z[i, j] = sigmoid_of_twice(_HALF * (z[i, j] + b[j]))


@kernel
def sigmoid_back(dy: Any, y: Any, dz: Any, db: Any) -> None:
    """f' = y (1 - y)."""
    db[:] = _ZERO
    for i in range(dz.shape[0]):
        for j in range(dz.shape[1]):
            d = dy[i, j] * y[i, j] * (_ONE - y[i, j])
            dz[i, j] = d
            db[j] += d
