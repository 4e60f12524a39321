"""Adam's step in one pass over the vectors: bpcli/optimizers/adam.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from bpcli.core.compiled._jit import kernel
from bpcli.core.compiled._team import Team


@kernel
def step(w: Any, g: Any, m: Any, v: Any, beta1: float, beta2: float, eps: float, rate: float) -> None:
    """w -= rate m / (√v + eps), after m <- β₁ m + g and v <- β₂ v + g²; vectors of one length."""
    b1, b2, e, r = np.float32(beta1), np.float32(beta2), np.float32(eps), np.float32(rate)
    for i in range(len(w)):
        # What was written is not read again: where vectors begin at like places of a page, that is slow.
        m_i = b1 * m[i] + g[i]
        v_i = b2 * v[i] + g[i] * g[i]
        m[i] = m_i
        v[i] = v_i
        w[i] -= r * m_i / (np.sqrt(v_i) + e)


@Team
def steps(
    table: Any, w: Any, g: Any, m: Any, v: Any, beta1: float, beta2: float, eps: float, rate: float
) -> None:  # fmt: skip
    """The same in blocks."""
    for block in prange(len(table)):
        _, start, stop = table[block]
        step(w[start:stop], g[start:stop], m[start:stop], v[start:stop], beta1, beta2, eps, rate)
