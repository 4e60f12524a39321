"""Activations that NumPy needs several passes or a slow function for: bpcli/activations. Vectors alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcli.core.compiled._jit import kernel, sigmoid_of_twice
from bpcli.core.compiled._jit import tanh as tanh_of

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


@kernel
def relu_back(dy: Any, y: Any, dx: Any) -> None:
    """dx = dy where y > 0, else 0."""
    for i in range(len(dx)):
        dx[i] = dy[i] if y[i] > _ZERO else _ZERO


@kernel
def tanh(x: Any, y: Any) -> None:
    """y = tanh x."""
    for i in range(len(y)):
        y[i] = tanh_of(x[i])


@kernel
def tanh_back(dy: Any, y: Any, dx: Any) -> None:
    """dx = dy (1 - y²)."""
    for i in range(len(dx)):
        dx[i] = dy[i] * (_ONE - y[i] * y[i])


@kernel
def sigmoid(x: Any, y: Any) -> None:
    """y = 1 / (1 + exp(-x))."""
    for i in range(len(y)):
        y[i] = sigmoid_of_twice(_HALF * x[i])


@kernel
def sigmoid_back(dy: Any, y: Any, dx: Any) -> None:
    """dx = dy y (1 - y)."""
    for i in range(len(dx)):
        dx[i] = dy[i] * y[i] * (_ONE - y[i])
