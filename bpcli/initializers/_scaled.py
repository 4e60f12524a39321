"""Draws of a given variance: what glorot, he and lecun share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def normal(rng: np.random.Generator, shape: tuple[int, ...], variance: float) -> NDArray[Any]:
    """N(0, variance), not truncated."""
    return rng.normal(0.0, variance**0.5, shape)


def uniform(rng: np.random.Generator, shape: tuple[int, ...], variance: float) -> NDArray[Any]:
    """U(-a, a) with a = √(3 variance), which has that variance."""
    a = (3.0 * variance) ** 0.5
    return rng.uniform(-a, a, shape)
