"""What goes number by number, where NumPy needs several passes, a slow function, or a thread for itself.

Activations by their names (bpcli/activations/base.py), and the sum of two arrays. Vectors alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from bpcli.core.compiled._jit import kernel, sigmoid_of_twice
from bpcli.core.compiled._jit import tanh as tanh_of
from bpcli.core.compiled._team import Team

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


@Team
def add(table: Any, a: Any, b: Any, y: Any) -> None:
    """y = a + b."""
    for block in prange(len(table)):
        _, start, stop = table[block]
        _add(a[start:stop], b[start:stop], y[start:stop])


@Team
def relu(table: Any, x: Any, y: Any) -> None:
    """y = max(x, 0)."""
    for block in prange(len(table)):
        _, start, stop = table[block]
        _relu(x[start:stop], y[start:stop])


@Team
def relu_back(table: Any, dy: Any, y: Any, dx: Any) -> None:
    """dx = dy where y > 0, else 0."""
    for block in prange(len(table)):
        _, start, stop = table[block]
        _relu_back(dy[start:stop], y[start:stop], dx[start:stop])


@Team
def tanh(table: Any, x: Any, y: Any) -> None:
    """y = tanh x."""
    for block in prange(len(table)):
        _, start, stop = table[block]
        _tanh(x[start:stop], y[start:stop])


@Team
def tanh_back(table: Any, dy: Any, y: Any, dx: Any) -> None:
    """dx = dy (1 - y²)."""
    for block in prange(len(table)):
        _, start, stop = table[block]
        _tanh_back(dy[start:stop], y[start:stop], dx[start:stop])


@Team
def sigmoid(table: Any, x: Any, y: Any) -> None:
    """y = 1 / (1 + exp(-x))."""
    for block in prange(len(table)):
        _, start, stop = table[block]
        _sigmoid(x[start:stop], y[start:stop])


@Team
def sigmoid_back(table: Any, dy: Any, y: Any, dx: Any) -> None:
    """dx = dy y (1 - y)."""
    for block in prange(len(table)):
        _, start, stop = table[block]
        _sigmoid_back(dy[start:stop], y[start:stop], dx[start:stop])


@kernel
def _add(a: Any, b: Any, y: Any) -> None:
    for i in range(len(y)):
        y[i] = a[i] + b[i]


@kernel
def _relu(x: Any, y: Any) -> None:
    for i in range(len(y)):
        y[i] = _ZERO if x[i] < _ZERO else x[i]  # NaN stays


@kernel
def _relu_back(dy: Any, y: Any, dx: Any) -> None:
    for i in range(len(dx)):
        dx[i] = dy[i] if y[i] > _ZERO else _ZERO


@kernel
def _tanh(x: Any, y: Any) -> None:
    for i in range(len(y)):
        y[i] = tanh_of(x[i])


@kernel
def _tanh_back(dy: Any, y: Any, dx: Any) -> None:
    for i in range(len(dx)):
        dx[i] = dy[i] * (_ONE - y[i] * y[i])


@kernel
def _sigmoid(x: Any, y: Any) -> None:
    for i in range(len(y)):
        y[i] = sigmoid_of_twice(_HALF * x[i])


@kernel
def _sigmoid_back(dy: Any, y: Any, dx: Any) -> None:
    for i in range(len(dx)):
        dx[i] = dy[i] * y[i] * (_ONE - y[i])
