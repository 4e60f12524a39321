"""The steps of a GRU: bpcli/layers/gru.py.

Arrays as there: z (3, t, n, units) holds the gates' inputs xₜ W + b, and then r, z, n; h (t + 1, n, units);
products (n, 3·width) = hₜ₋₁ U, a gate's units in the first of its `width` columns, as U has them in panels
(bpcli/layers/_panels.py). What goes into a sigmoid is halved already.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from bpcli.core.compiled._jit import kernel, sigmoid_of_twice, tanh
from bpcli.core.compiled._team import Team
from bpcli.core.compiled._tile import BYTES, multiply, place

_ONE = np.float32(1)


@Team
def forward(table: Any, z: Any, h: Any, products: Any, panels: Any, memories: Any, a: Any) -> None:
    """All steps, from the first to the last."""
    for block in prange(len(table)):
        _, start, stop = table[block]
        _forward(z, h, products, panels, memories, a, start, stop)


@Team
def backward(
    table: Any, z: Any, h: Any, memories: Any, du: Any, dh: Any, passed: Any, dz: Any, panels: Any, dys: Any,
    products: Any,
) -> None:  # fmt: skip
    """All steps, from the last to the first; panels are of Uᵀ, dys (t, n, units) or of no steps, products
    (n, width) = du Uᵀ."""
    for block in prange(len(table)):
        _, start, stop = table[block]
        _backward(z, h, memories, du, dh, passed, dz, panels, dys, products, start, stop)


@kernel
def _forward(
    z: Any, h: Any, products: Any, panels: Any, memories: Any, a: Any, start: int, stop: int
) -> None:
    """Of rows start to stop."""
    units = h.shape[2]
    for t in range(z.shape[1]):
        before, width = place(h) + BYTES * (t * len(products) + start) * units, products.shape[1]
        multiply(before, units, stop - start, panels, place(products) + BYTES * start * width, width)
        _step(z, h, products, memories, a, t, start, stop)


@kernel
def _backward(
    z: Any, h: Any, memories: Any, du: Any, dh: Any, passed: Any, dz: Any, panels: Any, dys: Any,
    products: Any, start: int, stop: int,
) -> None:  # fmt: skip
    """Of rows start to stop."""
    (n, width), columns, units = products.shape, du.shape[2], h.shape[2]
    for t in range(z.shape[1] - 1, -1, -1):
        if len(dys):
            dh[start:stop] += dys[t, start:stop]
        _back(z, h, memories, du, dh, passed, dz, t, start, stop)
        behind = place(du) + BYTES * (t * n + start) * columns
        multiply(behind, columns, stop - start, panels, place(products) + BYTES * start * width, width)
        dh[start:stop] = products[start:stop, :units]


@kernel
def _step(z: Any, h: Any, products: Any, memories: Any, a: Any, t: int, start: int, stop: int) -> None:
    """hₜ, the gates, and memories[t] = hₜ₋₁ U + a of n."""
    units, width = h.shape[2], products.shape[1] // 3
    for i in range(start, stop):
        for j in range(units):
            r = sigmoid_of_twice(z[0, t, i, j] + products[i, j])
            update = sigmoid_of_twice(z[1, t, i, j] + products[i, width + j])
            memory = products[i, 2 * width + j] + a[j]
            n = tanh(z[2, t, i, j] + r * memory)
            z[0, t, i, j] = r
            z[1, t, i, j] = update
            z[2, t, i, j] = n
            memories[t, i, j] = memory
            h[t + 1, i, j] = n + update * (h[t, i, j] - n)


@kernel
def _back(
    z: Any, h: Any, memories: Any, du: Any, dh: Any, passed: Any, dz: Any, t: int, start: int, stop: int
) -> None:
    """dz[t] and du[t] (n, 3·units) from dhₜ = dh + passed, what came through U and what passed the gates
    (n, units); and what passes those of step t in the place of `passed`."""
    units = h.shape[2]
    for i in range(start, stop):
        for j in range(units):
            r, update, n = z[0, t, i, j], z[1, t, i, j], z[2, t, i, j]
            d = dh[i, j] + passed[i, j]
            passed[i, j] = d * update
            dn = d * (_ONE - update) * (_ONE - n * n)
            dupdate = d * (h[t, i, j] - n) * update * (_ONE - update)
            dr = dn * memories[t, i, j] * r * (_ONE - r)
            dz[t, i, j] = dr
            dz[t, i, units + j] = dupdate
            dz[t, i, 2 * units + j] = dn
            du[t, i, j] = dr
            du[t, i, units + j] = dupdate
            du[t, i, 2 * units + j] = dn * r
