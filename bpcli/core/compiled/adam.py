"""Adam's step in one pass over the vectors: bpcli/optimizers/adam.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcli.core.compiled._jit import kernel


@kernel
def step(w: Any, g: Any, m: Any, v: Any, beta1: float, beta2: float, eps: float, rate: float) -> None:
    """w -= rate m / (√v + eps), after m <- β₁ m + g and v <- β₂ v + g²; vectors of one length."""
    b1, b2, e, r = np.float32(beta1), np.float32(beta2), np.float32(eps), np.float32(rate)
    for i in range(len(w)):
        m[i] = b1 * m[i] + g[i]
        v[i] = b2 * v[i] + g[i] * g[i]
        w[i] -= r * m[i] / (np.sqrt(v[i]) + e)
