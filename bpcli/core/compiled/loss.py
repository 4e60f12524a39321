"""From the losses of rows to their mean: bpcli/losses/base.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcli.core.compiled._jit import kernel


@kernel
def mean(losses: Any, dy: Any, norm: float) -> float:
    """Σ losses / norm, added up in float64; dy, an array in one piece, is divided by norm in place."""
    flat, share = dy.reshape(dy.size), np.float32(1.0 / norm)
    for i in range(len(flat)):
        flat[i] *= share
    total = 0.0
    for i in range(len(losses)):
        total += losses[i]
    return total / norm
