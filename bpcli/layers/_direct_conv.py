"""The three products of a convolution by compiled kernels, straight from the images.

The kernels (core/compiled/convolution.py) are for one group of filters, windows without gaps, and arrays in
one piece; bpcli/layers/_conv.py does the rest, and says what is computed.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from bpcli.core.ctx import Ctx
from bpcli.core.rows import BLOCK_WORK, PASS, grid
from bpcli.core.windows import Axes, is_bare
from bpcli.layers._panels import COLUMNS, ROWS, fill_panels, panels_of
from bpcli.layers._scratch import PARTIAL

#: Numbers of a kernel's columns, for all taps, that a core's cache can hold beside an image.
PANEL = 1 << 14


def kernels(groups: int, k: int, axes: Axes, arrays: tuple[Any, ...], ctx: Ctx) -> Any:
    """The kernels for windows of k numbers, or None where the matrix of windows is the way."""
    if groups > 1 or k * COLUMNS > PANEL or any(a.dilation > 1 for a in axes):
        return None
    found = ctx.compiled("convolution", arrays[0].dtype)
    return found if found is not None and all(a.flags.c_contiguous for a in arrays) else None


def correlate(kernels: Any, x: Any, V: Any, b: Any, y: Any, axes: Axes, ctx: Ctx) -> Any:
    """y = windows(x) V + b, V (kh, kw, c, filters); b may be None."""
    return _correlate(kernels, x, V, b, y, axes, (0, 0), (1, 1), ctx)


def _correlate(
    kernels: Any, x: Any, V: Any, b: Any, y: Any, axes: Axes, first: Any, step: Any, ctx: Ctx
) -> Any:
    """The same into every step-th line and column of y, from the first ones on."""
    panels, bias = _panels(V, ctx), _bias(b, V.shape[-1], ctx)
    before, stride = (axes[0].before, axes[1].before), (axes[0].stride, axes[1].stride)
    numbers = len(x) * axes[0].out * axes[1].out * y.shape[-1]
    blocks = grid(len(x), numbers * (2.0 * V[..., 0].size + PASS))
    padded = _room(x, axes, len(blocks), ctx)
    spare = ctx.buf("spare", (len(blocks), ROWS, COLUMNS), x.dtype)
    kernels.correlate(
        ctx.shared.pool, blocks, x, panels, bias, y, first, step, padded, before, stride, spare
    )  # fmt: skip
    return y


def input_gradient(kernels: Any, dy: Any, W: Any, dx: Any, axes: Axes, ctx: Ctx) -> Any:
    """dx of a convolution with W (kh, kw, c, filters).

    With stride s only every s-th tap of a window can lie on a given pixel. So the pixels fall into s · s
    sorts, each of them dy correlated with its own taps, turned by 180°, and nothing has to be added up.
    """
    h, w = axes
    for i, j in product(range(min(h.stride, h.size)), range(min(w.stride, w.size))):
        (top, down), (left, across) = h.onto(i), w.onto(j)
        taps = W[top :: h.stride, left :: w.stride][::-1, ::-1].swapaxes(2, 3)
        if taps.size:
            here, step = ctx.child(f"{i},{j}"), (h.stride, w.stride)
            _correlate(kernels, dy, taps, None, dx, (down, across), (i, j), step, here)
        else:
            dx[:, i :: h.stride, j :: w.stride] = 0
    return dx


def weight_gradient(kernels: Any, x: Any, dy: Any, dW: Any, db: Any, axes: Axes, ctx: Ctx) -> None:
    """dW = windows(x)ᵀ dy and db = Σ dy; db may be None."""
    kh, kw, c, filters = dW.shape
    columns = panels_of(filters) * COLUMNS
    before, stride = (axes[0].before, axes[1].before), (axes[0].stride, axes[1].stride)
    blocks = grid(len(x), _work(dy, dW, most=PARTIAL))
    partial = ctx.buf("partial", (len(blocks), kh, kw * c, columns), x.dtype)
    partial_b = ctx.buf("partial_b", (len(blocks), 0 if db is None else filters), x.dtype)
    places = 0 if columns == filters else axes[0].out * axes[1].out
    padded = _room(x, axes, len(blocks), ctx)
    wide = ctx.buf("wide", (len(blocks), places, columns), x.dtype)
    kernels.weights(ctx.shared.pool, blocks, x, dy, partial, partial_b, padded, before, stride, wide)
    ctx.xp.sum(partial[..., :filters], axis=0, out=dW.reshape(kh, kw * c, filters))
    if db is not None:
        ctx.xp.sum(partial_b, axis=0, out=db)


def _work(y: Any, W: Any, most: int) -> float:
    """Of a product that gives y, so that there are no more blocks than that all have `most` weights."""
    work = y.size * (2.0 * W[..., 0].size + PASS)
    return min(work, float(BLOCK_WORK) * max(1, most // W.size))


def _panels(V: Any, ctx: Ctx) -> Any:
    """V (kh, kw, c, filters) as (panels, kh, kw·c, COLUMNS)."""
    kh, kw, c, filters = V.shape
    panels = ctx.buf("panels", (panels_of(filters), kh * kw * c, COLUMNS), V.dtype)
    return fill_panels(V.reshape(-1, filters), panels).reshape(len(panels), kh, kw * c, COLUMNS)


def _bias(b: Any, filters: int, ctx: Ctx) -> Any:
    """b with zeros after it, as many numbers as the panels have columns."""
    bias = ctx.buf("bias", (panels_of(filters) * COLUMNS,), "float32")
    bias[:filters] = 0 if b is None else b
    bias[filters:] = 0
    return bias


def _room(x: Any, axes: Axes, blocks: int, ctx: Ctx) -> Any:
    """For each block an array (h, w, c) for a padded image; of no lines where nothing is padded."""
    h, w = (0, 1) if is_bare(axes) else (axes[0].padded, axes[1].padded)
    return ctx.buf("padded", (blocks, h, w, x.shape[3]), x.dtype)
