"""The three products of a convolution by compiled kernels, straight from the images.

The kernels (core/compiled/convolution.py) are for one group of filters, windows without gaps, and arrays in
one piece; bpcli/layers/_conv.py does the rest, and says what is computed.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from bpcli.core.ctx import Ctx
from bpcli.core.rows import BLOCK_WORK, PASS, grid
from bpcli.core.windows import Axes, is_bare, pad_size
from bpcli.layers._scratch import PARTIAL, per_thread

#: Columns that a kernel makes at a time, and its rows at most.
COLUMNS, ROWS = 16, 6
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
    padded = _room(x, axes, ctx)
    spare = per_thread(ctx, "spare", ROWS * COLUMNS, x.dtype)

    def block(images: slice) -> None:
        room, few = padded.pop(), spare.pop()
        kernels.correlate(
            x, panels, bias, y, first, step, room, before, stride, few.reshape(ROWS, COLUMNS),
            images.start, images.stop,
        )  # fmt: skip
        padded.append(room)
        spare.append(few)

    numbers = len(x) * axes[0].out * axes[1].out * y.shape[-1]
    ctx.rows(len(x), numbers * (2.0 * V[..., 0].size + PASS), block)
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
    columns = _blocks(filters) * COLUMNS
    before, stride = (axes[0].before, axes[1].before), (axes[0].stride, axes[1].stride)
    blocks = grid(len(x), _work(dy, dW, most=PARTIAL))
    partial = ctx.buf("partial", (len(blocks), kh, kw * c, columns), x.dtype)
    partial_b = ctx.buf("partial_b", (len(blocks), 0 if db is None else filters), x.dtype)
    places = 0 if columns == filters else axes[0].out * axes[1].out
    padded, wide = _room(x, axes, ctx), per_thread(ctx, "wide", places * columns, x.dtype)

    def block(images: slice) -> None:
        room, held = padded.pop(), wide.pop()
        number = images.start // blocks[0].stop
        kernels.weights(
            x, dy, partial[number], partial_b[number], room, before, stride, held.reshape(places, columns),
            images.start, images.stop,
        )  # fmt: skip
        padded.append(room)
        wide.append(held)

    ctx.shared.pool.run(block, blocks)
    ctx.xp.sum(partial[..., :filters], axis=0, out=dW.reshape(kh, kw * c, filters))
    if db is not None:
        ctx.xp.sum(partial_b, axis=0, out=db)


def _work(y: Any, W: Any, most: int) -> float:
    """Of a product that gives y, so that there are no more blocks than that all have `most` weights."""
    work = y.size * (2.0 * W[..., 0].size + PASS)
    return min(work, float(BLOCK_WORK) * max(1, most // W.size))


def _blocks(filters: int) -> int:
    return -(-filters // COLUMNS)


def _panels(V: Any, ctx: Ctx) -> Any:
    """V (kh, kw, c, filters) as (blocks, kh, kw·c, COLUMNS), zeros where there are no more filters."""
    kh, kw, c, filters = V.shape
    panels = ctx.buf("panels", (_blocks(filters), kh, kw, c, COLUMNS), V.dtype)
    whole = filters // COLUMNS
    panels[:whole] = V[..., : whole * COLUMNS].reshape(kh, kw, c, whole, COLUMNS).transpose(3, 0, 1, 2, 4)
    if whole < len(panels):
        rest = filters - whole * COLUMNS
        panels[whole, ..., :rest] = V[..., whole * COLUMNS :]
        panels[whole, ..., rest:] = 0
    return panels.reshape(len(panels), kh, kw * c, COLUMNS)


def _bias(b: Any, filters: int, ctx: Ctx) -> Any:
    """b with zeros after it, as many numbers as the panels have columns."""
    bias = ctx.buf("bias", (_blocks(filters) * COLUMNS,), "float32")
    bias[:filters] = 0 if b is None else b
    bias[filters:] = 0
    return bias


def _room(x: Any, axes: Axes, ctx: Ctx) -> list[Any]:
    """For each thread an array (h, w, c) for a padded image; of no lines where nothing is padded."""
    c = x.shape[3]
    if is_bare(axes):
        return [ctx.buf("bare", (0, 1, c), x.dtype)] * ctx.shared.pool.threads
    shape = (axes[0].padded, axes[1].padded, c)
    return [flat.reshape(shape) for flat in per_thread(ctx, "padded", pad_size(axes, c), x.dtype)]
