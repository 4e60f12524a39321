"""The activations in PyTorch, each as a function of ours (for its fields) and of x."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bpcli.activations.base import Activation

torch = pytest.importorskip("torch")
F = torch.nn.functional

FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "celu": lambda f, x: F.celu(x, f.alpha),
    "elu": lambda f, x: F.elu(x, f.alpha),
    "exponential": lambda f, x: torch.exp(x),
    "gelu": lambda f, x: F.gelu(x, approximate="tanh" if f.approximate else "none"),
    "hard_sigmoid": lambda f, x: F.relu6(x + 3) / 6,  # hardsigmoid's own slope is a float32's 1/6
    "hard_tanh": lambda f, x: F.hardtanh(x, f.low, f.high),
    "leaky_relu": lambda f, x: F.leaky_relu(x, f.slope),
    "linear": lambda f, x: x * 1.0,
    "log_softmax": lambda f, x: F.log_softmax(x, -1),
    "mish": lambda f, x: F.mish(x),
    "relu": lambda f, x: torch.relu(x),
    "relu6": lambda f, x: F.relu6(x),
    "selu": lambda f, x: F.selu(x),
    "sigmoid": lambda f, x: torch.sigmoid(x),
    "silu": lambda f, x: F.silu(x),
    "softmax": lambda f, x: torch.softmax(x, -1),
    "softplus": lambda f, x: F.softplus(x, threshold=700.0),  # PyTorch's shortcut is off by 2e-9 at 20
    "softsign": lambda f, x: F.softsign(x),
    "tanh": lambda f, x: torch.tanh(x),
}


def activated(function: Activation | None, x: Any) -> Any:
    return x if function is None else FUNCTIONS[function.type](function, x)
