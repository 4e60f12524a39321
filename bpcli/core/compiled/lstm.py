"""The steps of an LSTM: bpcli/layers/lstm.py.

Arrays as there: z (4, t, n, units) holds the gates' inputs xₜ W + b, and then i, f, o, g; h and c (t + 1, n,
units); tanh_c (t, n, units); products (n, 4·width) = hₜ₋₁ U, a gate's units in the first of its `width`
columns, as U has them in panels (bpcli/layers/_panels.py). What goes into a sigmoid is halved already.
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
def forward(table: Any, z: Any, h: Any, c: Any, products: Any, panels: Any, tanh_c: Any) -> None:
    """All steps, from the first to the last."""
    for block in prange(len(table)):
        _, start, stop = table[block]
        _forward(z, h, c, products, panels, tanh_c, start, stop)


@Team
def backward(
    table: Any, z: Any, h: Any, c: Any, tanh_c: Any, dh: Any, dc: Any, dz: Any, panels: Any, dys: Any,
    products: Any,
) -> None:  # fmt: skip
    """All steps, from the last to the first; panels are of Uᵀ, dys (t, n, units) or of no steps, products
    (n, width) = dz Uᵀ."""
    for block in prange(len(table)):
        _, start, stop = table[block]
        _backward(z, h, c, tanh_c, dh, dc, dz, panels, dys, products, start, stop)


@kernel
def _forward(z: Any, h: Any, c: Any, products: Any, panels: Any, tanh_c: Any, start: int, stop: int) -> None:
    """Of rows start to stop."""
    units = h.shape[2]
    for t in range(z.shape[1]):
        before, width = place(h) + BYTES * (t * len(products) + start) * units, products.shape[1]
        multiply(before, units, stop - start, panels, place(products) + BYTES * start * width, width)
        _step(z, h, c, products, tanh_c, t, start, stop)


@kernel
def _backward(
    z: Any, h: Any, c: Any, tanh_c: Any, dh: Any, dc: Any, dz: Any, panels: Any, dys: Any, products: Any,
    start: int, stop: int,
) -> None:  # fmt: skip
    """Of rows start to stop."""
    (n, width), columns, units = products.shape, dz.shape[2], h.shape[2]
    for t in range(z.shape[1] - 1, -1, -1):
        if len(dys):
            dh[start:stop] += dys[t, start:stop]
        _back(z, c, tanh_c, dh, dc, dz, t, start, stop)
        behind = place(dz) + BYTES * (t * n + start) * columns
        multiply(behind, columns, stop - start, panels, place(products) + BYTES * start * width, width)
        dh[start:stop] = products[start:stop, :units]


@kernel
def _step(z: Any, h: Any, c: Any, products: Any, tanh_c: Any, t: int, start: int, stop: int) -> None:
    """The gates, cₜ, tanh cₜ and hₜ."""
    units, width = h.shape[2], products.shape[1] // 4
    for row in range(start, stop):
        for j in range(units):
            i = sigmoid_of_twice(z[0, t, row, j] + products[row, j])
            f = sigmoid_of_twice(z[1, t, row, j] + products[row, width + j])
            o = sigmoid_of_twice(z[2, t, row, j] + products[row, 2 * width + j])
            g = tanh(z[3, t, row, j] + products[row, 3 * width + j])
            cell = f * c[t, row, j] + i * g
            squashed = tanh(cell)
            z[0, t, row, j] = i
            z[1, t, row, j] = f
            z[2, t, row, j] = o
            z[3, t, row, j] = g
            c[t + 1, row, j] = cell
            tanh_c[t, row, j] = squashed
            h[t + 1, row, j] = o * squashed


@kernel
def _back(z: Any, c: Any, tanh_c: Any, dh: Any, dc: Any, dz: Any, t: int, start: int, stop: int) -> None:
    """From dhₜ and dcₜ (n, units): dz[t] (n, 4·units), and dcₜ₋₁ in the place of dcₜ."""
    units = c.shape[2]
    for row in range(start, stop):
        for j in range(units):
            i, f, o, g = z[0, t, row, j], z[1, t, row, j], z[2, t, row, j], z[3, t, row, j]
            d, squashed = dh[row, j], tanh_c[t, row, j]
            cell = dc[row, j] + d * o * (_ONE - squashed * squashed)
            dz[t, row, j] = cell * g * i * (_ONE - i)
            dz[t, row, units + j] = cell * c[t, row, j] * f * (_ONE - f)
            dz[t, row, 2 * units + j] = d * squashed * o * (_ONE - o)
            dz[t, row, 3 * units + j] = cell * i * (_ONE - g * g)
            dc[row, j] = cell * f
