"""The convolution in which each channel is seen by filters of its own: tap by tap, without a matrix."""

from __future__ import annotations

from typing import Any

from bpcli.core.ctx import Ctx
from bpcli.core.rows import grid
from bpcli.core.windows import Axes, Tiling, framed, is_bare, pad, pad_size
from bpcli.layers._scratch import per_thread, repeated

#: Arrays of a tile's size that should stay in the cache together.
COPIES = 4
#: An addition or multiplication here costs about as much as this many of a matrix product.
COST = 10.0


def depthwise(x: Any, W: Any, b: Any, axes: Axes, ctx: Ctx) -> Any:
    """z[n,u,v,f] = Σ_ij x[n, u·s + i·d, v·s + j·d, ⌊f/m⌋] W[i,j,f] + b[f], W (kh, kw, c·m); b may be None."""
    xp, (h, w), n, filters = ctx.xp, axes, len(x), W.shape[-1]
    z = ctx.buf("z", (n, h.out, w.out, filters), x.dtype)
    shape, x = x.shape, _repeated(x, filters, ctx)
    ctx.saved = x, shape, axes
    lines = _lines(W, w.out, ctx)
    bias = None if b is None else repeated(b, w.out, ctx)
    tiling = Tiling.of(axes, COPIES * filters)
    products = per_thread(ctx, "product", tiling.rows * filters, x.dtype)
    borders = per_thread(ctx, "padded", tiling.images * pad_size(axes, filters), x.dtype)

    def block(images: slice) -> None:
        mine, border = products.pop(), borders.pop()
        for some in tiling.batches(images):
            padded = pad(x[some], axes, border)
            for band in tiling.bands():
                out = z[some, band]
                product = mine[: out.size].reshape(out.shape)
                for i in range(h.kernel):
                    for j in range(w.kernel):
                        first = i == j == 0
                        to = out if first else product
                        xp.multiply(padded[:, h.reach(i, band), w.reach(j)], lines[i, j], out=to)
                        if not first:
                            out += product
                if bias is not None:
                    out += bias
        products.append(mine)
        borders.append(border)

    ctx.rows(n, COST * z.size * h.kernel * w.kernel, block)
    return z


def depthwise_backward(dz: Any, W: Any, dW: Any, db: Any, ctx: Ctx) -> Any:
    """Writes dW[i,j,f] = Σ x dz and db = Σ dz (None without bias); dx (n, h, w, c), or None if not wanted."""
    x, shape, axes = ctx.saved
    xp, (h, w), n, filters = ctx.xp, axes, len(dz), W.shape[-1]
    dx = ctx.buf("dx.repeated", x.shape, x.dtype) if ctx.need_dx else None
    lines = _lines(W, w.out, ctx)
    tiling = Tiling.of(axes, COPIES * filters)
    products = per_thread(ctx, "product", tiling.rows * filters, x.dtype)
    borders, sums_of = (
        per_thread(ctx, name, tiling.images * pad_size(axes, filters), x.dtype) for name in ("padded", "sums")
    )
    blocks = grid(n, 2.0 * COST * dz.size * h.kernel * w.kernel)
    partial = ctx.buf("dW.partial", (len(blocks), h.kernel, w.kernel, filters), x.dtype)
    partial_b = ctx.buf("db.partial", (len(blocks), filters), x.dtype)
    ones = xp.ones(tiling.rows, x.dtype)

    def block(images: slice) -> None:
        mine, border, frame = products.pop(), borders.pop(), sums_of.pop()
        number = images.start // blocks[0].stop
        total, total_b = partial[number], partial_b[number]
        total[...] = 0
        total_b[...] = 0
        for some in tiling.batches(images):
            padded = pad(x[some], axes, border)
            sums = None
            if dx is not None:
                sums = dx[some] if is_bare(axes) else framed(len(padded), axes, filters, frame)
                sums[...] = 0
            for band in tiling.bands():
                out = dz[some, band]
                product = mine[: out.size].reshape(out.shape)
                one = ones[: out.size // filters]
                for i in range(h.kernel):
                    for j in range(w.kernel):
                        under = (slice(None), h.reach(i, band), w.reach(j))
                        xp.multiply(padded[under], out, out=product)
                        total[i, j] += one @ product.reshape(-1, filters)
                        if sums is not None:
                            sums[under] += xp.multiply(out, lines[i, j], out=product)
                if db is not None:
                    total_b += one @ out.reshape(-1, filters)
            if dx is not None and sums is not None and not is_bare(axes):
                dx[some] = sums[:, h.inside, w.inside]
        products.append(mine)
        borders.append(border)
        sums_of.append(frame)

    ctx.shared.pool.run(block, blocks)
    xp.sum(partial, axis=0, out=dW)
    if db is not None:
        xp.sum(partial_b, axis=0, out=db)
    if dx is None or dx.shape == shape:
        return dx
    return xp.sum(dx.reshape(*shape, -1), axis=-1, out=ctx.buf("dx", shape, x.dtype))


def _repeated(x: Any, filters: int, ctx: Ctx) -> Any:
    """x with each channel as often as it has filters."""
    n, h, w, c = x.shape
    if filters == c:
        return x
    many = ctx.buf("x", (n, h, w, c, filters // c), x.dtype)
    many[...] = x[..., None]
    return many.reshape(n, h, w, filters)


def _lines(W: Any, across: int, ctx: Ctx) -> Any:
    """Each tap's weights (kh, kw, across, filters) as often as there are windows on a line: longer runs."""
    lines = ctx.buf("lines", (*W.shape[:2], across, W.shape[-1]), W.dtype)
    lines[...] = W[:, :, None]
    return lines
