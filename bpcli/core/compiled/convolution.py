"""Convolutions straight from the image, without its windows as a matrix: bpcli/layers/_direct_conv.py.

Images x (n, h, w, c) are read from a copy with zeros around it, of one image at a time; `padded`, for each
block (h', w', c), has room for it, and `before` says where the image lies in it: (rows above, columns to the
left). Where it is empty, there is no padding and x is read itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from bpcli.core.compiled._jit import kernel
from bpcli.core.compiled._team import Team
from bpcli.core.compiled._tile import BYTES, COLUMNS, ROWS, place, tile

_ZERO = np.float32(0)
#: Numbers of x and dy that are gone over at a time for dW, so that they stay in the nearest cache.
_NEAR = 8192


@Team
def correlate(
    table: Any, x: Any, V: Any, b: Any, y: Any, first: Any, step: Any, padded: Any, before: Any, stride: Any,
    spare: Any,
) -> None:  # fmt: skip
    """y at first + step·(u, v) = Σ_ij x[u·stride + i, v·stride + j] V[i, j] + b.

    y (n, h, w, filters); V (panels, kh, kw·c, COLUMNS) and b (panels·COLUMNS,) hold the filters in panels,
    the last filled up with zeros. `first`, `step`, `stride` are pairs: down, across. spare, for each block
    (ROWS, COLUMNS).
    """
    for block in prange(len(table)):
        number, start, stop = table[block]
        _correlate(
            x, V, b, y, first, step, padded[number], before, stride, spare[number], start, stop
        )  # fmt: skip


@kernel
def _correlate(
    x: Any, V: Any, b: Any, y: Any, first: Any, step: Any, padded: Any, before: Any, stride: Any, spare: Any,
    start: int, stop: int,
) -> None:  # fmt: skip
    """The same for images start to stop, with one block's padded and spare."""
    (panels, kh, run, _), c, (_, height, width, filters) = V.shape, x.shape[3], y.shape
    down = (height - first[0] + step[0] - 1) // step[0]
    across = (width - first[1] + step[1] - 1) // step[1]
    c_row, a_row = step[1] * filters, stride[1] * c
    tiles = -(-across // ROWS)
    for n in range(start, stop):
        image, line = _padded(x, n, padded, before, n == start)
        for panel in range(panels):
            column = panel * COLUMNS
            of_V, of_b = place(V) + BYTES * panel * kh * run * COLUMNS, place(b) + BYTES * column
            fits = column + COLUMNS <= filters
            for u in range(down):
                row = first[0] + u * step[0]
                of_y = place(y) + BYTES * (((n * height + row) * width + first[1]) * filters + column)
                of_x = image + BYTES * u * stride[0] * line
                v = 0
                for left in range(tiles, 0, -1):
                    rows = -(-(across - v) // left)
                    target = of_y + BYTES * v * c_row if fits else place(spare)
                    tile(
                        rows, target, c_row if fits else COLUMNS, of_b, 0, of_x + BYTES * v * a_row, a_row,
                        line, 1, of_V, run * COLUMNS, COLUMNS, kh, run,
                    )  # fmt: skip
                    if not fits:
                        for r in range(rows):
                            for q in range(column, filters):
                                y[n, row, first[1] + (v + r) * step[1], q] = spare[r, q - column]
                    v += rows


@Team
def weights(
    table: Any, x: Any, dy: Any, dV: Any, db: Any, padded: Any, before: Any, stride: Any, wide: Any
) -> None:
    """dV[i, j] = Σ x[u·stride + i, v·stride + j] dy[u, v] and db = Σ dy, for each block of images.

    dV (blocks, kh, kw·c, panels·COLUMNS); where that is more columns than filters, wide, for each block
    (down·across, panels·COLUMNS), has room for dy with zeros, else no lines. db (blocks, filters), or of no
    numbers where it is not asked for.
    """
    for block in prange(len(table)):
        number, start, stop = table[block]
        _weights(x, dy, dV[number], db[number], padded[number], before, stride, wide[number], start, stop)


@kernel
def _weights(
    x: Any, dy: Any, dV: Any, db: Any, padded: Any, before: Any, stride: Any, wide: Any, start: int, stop: int
) -> None:
    """The sums over images start to stop."""
    (kh, run, columns), c = dV.shape, x.shape[3]
    _, down, across, filters = dy.shape
    dV[:] = _ZERO
    db[:] = _ZERO
    wide[:] = _ZERO
    a_inner = stride[1] * c
    piece = min(across, max(1, _NEAR // (a_inner + filters)))
    lines = max(1, _NEAR // (across * (stride[0] * a_inner + filters))) if piece == across else 1
    tiles = -(-run // ROWS)
    for n in range(start, stop):
        image, line = _padded(x, n, padded, before, n == start)
        of_image = place(dy) + BYTES * n * down * across * filters
        if len(db):
            _add_rows(dy, n, db)
        if len(wide):
            _copy_rows(dy, n, wide)
            of_image = place(wide)
        for u in range(0, down, lines):
            for v in range(0, across, piece):
                of_dy = of_image + BYTES * (u * across + v) * columns
                outer, inner = min(lines, down - u), min(piece, across - v)
                for i in range(kh):
                    of_x = image + BYTES * ((u * stride[0] + i) * line + v * a_inner)
                    for column in range(0, columns, COLUMNS):
                        t = 0
                        for left in range(tiles, 0, -1):
                            rows = -(-(run - t) // left)
                            target = place(dV) + BYTES * ((i * run + t) * columns + column)
                            tile(
                                rows, target, columns, target, columns, of_x + BYTES * t, 1, stride[0] * line,
                                a_inner, of_dy + BYTES * column, across * columns, columns, outer, inner,
                            )  # fmt: skip
                            t += rows


@kernel
def _padded(x: Any, n: int, padded: Any, before: Any, first: bool) -> Any:
    """Image n with zeros around it: its address, and the numbers in a line. Negative padding cuts off.

    The zeros are written for the first image alone, and stay there.
    """
    _, h, w, c = x.shape
    if not len(padded):
        return place(x) + BYTES * n * h * w * c, w * c
    height, width, _ = padded.shape
    if first:
        padded[:] = _ZERO
    lines, target = x.reshape(-1, w * c), padded.reshape(height, width * c)
    start, shift = max(before[1], 0) * c, before[1] * c
    stop = max(min(width, before[1] + w) * c, start)
    for row in range(max(before[0], 0), min(height, before[0] + h)):
        _copy(lines[n * h + row - before[0], start - shift : stop - shift], target[row, start:stop])
    return place(padded), width * c


@kernel
def _copy(a: Any, b: Any) -> None:
    for q in range(len(b)):
        b[q] = a[q]


@kernel
def _add_rows(a: Any, n: int, total: Any) -> None:
    """total (c,) += the sum of a[n] (h, w, c) over h and w."""
    for u in range(a.shape[1]):
        for v in range(a.shape[2]):
            for q in range(len(total)):
                total[q] += a[n, u, v, q]


@kernel
def _copy_rows(a: Any, n: int, wide: Any) -> None:
    """a[n] (h, w, c) into the first c columns of wide (h·w, …)."""
    for u in range(a.shape[1]):
        for v in range(a.shape[2]):
            for q in range(a.shape[3]):
                wide[u * a.shape[2] + v, q] = a[n, u, v, q]
