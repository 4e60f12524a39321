"""What the convolutions share: one product and its two gradients, over tiles of windows.

The product is y = rows(x) V, with the windows of x as rows and the kernel as matrices V, one for each group
(groups, kh·kw·c/groups, filters/groups). A transposed convolution is the same three, their parts exchanged.
Blocks of images run on all threads; each writes rows of its own, or a partial sum that is added in order.
"""

from __future__ import annotations

from typing import Any

from bpcli.core.ctx import Ctx
from bpcli.core.rows import BLOCK_WORK, PASS, grid
from bpcli.core.windows import Axes, Sliding, Tiling, framed, is_bare, pad_size, rows
from bpcli.layers import _direct_conv as direct
from bpcli.layers._depthwise import depthwise, depthwise_backward
from bpcli.layers._scratch import PARTIAL, per_thread, repeated


def convolve(x: Any, W: Any, b: Any, groups: int, axes: Axes, ctx: Ctx) -> Any:
    """z = x * W + b (n, windows down, windows across, filters)."""
    if _is_depthwise(W, groups):
        return depthwise(x, W[:, :, 0], b, axes, ctx.child("depthwise"))
    z = ctx.buf("z", (len(x), axes[0].out, axes[1].out, W.shape[-1]), x.dtype)
    return correlate(x, matrices(W, groups), b, z, axes, ctx.child("windows"))


def convolve_backward(x: Any, dz: Any, W: Any, dW: Any, db: Any, groups: int, axes: Axes, ctx: Ctx) -> Any:
    """Writes dW and db (None without bias); returns dx, or None where it is not asked for."""
    if _is_depthwise(W, groups):
        inner = ctx.child("depthwise")
        inner.need_dx = ctx.need_dx
        return depthwise_backward(dz, W[:, :, 0], dW[:, :, 0], db, inner)
    weight_gradient(x, dz, dW, db, groups, axes, ctx.child("windows"))  # the same tiles
    if not ctx.need_dx:
        return None
    return input_gradient(dz, W, groups, ctx.buf("dx", x.shape, x.dtype), axes, ctx.child("dx"))


def _is_depthwise(W: Any, groups: int) -> bool:
    return groups > 1 and W.shape[2] == 1


def matrices(W: Any, groups: int) -> Any:
    """W (kh, kw, c/groups, filters) as (groups, kh·kw·c/groups, filters/groups), a view."""
    filters = W.shape[-1]
    return W.reshape(-1, groups, filters // groups).swapaxes(0, 1)


def by_group(a: Any, groups: int) -> Any:
    """a (n, h, w, channels) as (groups, n·h·w, channels/groups); a view where a is contiguous."""
    return a.reshape(-1, groups, a.shape[-1] // groups).swapaxes(0, 1)


def is_pointwise(axes: Axes, groups: int) -> bool:
    """Whether each output sees one pixel, so that a single matrix product is all there is."""
    return groups == 1 and all((a.kernel, a.stride, a.before, a.after) == (1, 1, 0, 0) for a in axes)


def correlate(x: Any, V: Any, b: Any, y: Any, axes: Axes, ctx: Ctx) -> Any:
    """y = rows(x) V + b, written into y (n, h, w, filters), a buffer of the caller's; b may be None."""
    xp, (groups, k, _), backend = ctx.xp, V.shape, ctx.shared.backend
    if is_pointwise(axes, groups):
        ctx.matmul(x.reshape(-1, k), V[0], y.reshape(-1, y.shape[-1]))
        if b is not None:
            y += b
        return y
    if (kernels := direct.kernels(groups, k, axes, (x, y), ctx)) is not None:
        W = V.reshape(axes[0].kernel, axes[1].kernel, -1, y.shape[-1])
        return direct.correlate(kernels, x, W, b, y, axes, ctx)
    tiling = Tiling.of(axes, groups * k)
    scratch = per_thread(ctx, "rows", tiling.rows * groups * k, x.dtype)
    sliding = _sliding(x, axes, tiling, ctx)
    bias = None if b is None else repeated(b, axes[1].out, ctx)
    bands = list(tiling.bands())

    def block(images: slice) -> None:
        mine, over = scratch.pop(), sliding.pop()
        for some in tiling.batches(images):
            view = over.of(some)
            for band in bands:
                out = y[some, band]
                xp.matmul(rows(view[:, band], groups, mine, backend), V, out=by_group(out, groups))
                if bias is not None:
                    out += bias
        scratch.append(mine)
        sliding.append(over)

    ctx.rows(len(x), _work(y, groups * k), block)
    return y


def _work(y: Any, k: int) -> float:
    """Of the product that y (n, h, w, filters) is, the windows of k numbers copied for it, and y itself."""
    return 2.0 * y.size * k + PASS * (y[..., 0].size * k + y.size)


def _sliding(x: Any, axes: Axes, tiling: Tiling, ctx: Ctx) -> list[Sliding]:
    """The windows of x, for each thread with a padded copy of its own."""
    borders = per_thread(ctx, "padded", tiling.images * pad_size(axes, x.shape[-1]), x.dtype)
    return [Sliding(x, axes, tiling.images, border, ctx.xp) for border in borders]


def input_gradient(dy: Any, W: Any, groups: int, dx: Any, axes: Axes, ctx: Ctx) -> Any:
    """dx = the sum of dy Vᵀ over the windows that a value is in, written into dx (n, h, w, c).

    With stride 1 that is the correlation of dy with the kernel turned by 180°: nothing has to be added up.
    """
    kh, kw, c, filters = W.shape
    V = matrices(W, groups)
    if is_pointwise(axes, groups):
        ctx.matmul(dy.reshape(-1, filters), V[0].T, dx.reshape(-1, c))
        return dx
    if (kernels := direct.kernels(groups, kh * kw * filters, axes, (dy, dx), ctx)) is not None:
        return direct.input_gradient(kernels, dy, W, dx, axes, ctx)
    if axes[0].stride == axes[1].stride == 1:
        turned = ctx.buf("turned", (groups, kh, kw, filters // groups, c), W.dtype)
        turned[...] = W[::-1, ::-1].reshape(kh, kw, c, groups, -1).transpose(3, 0, 1, 4, 2)
        flipped = axes[0].flipped(), axes[1].flipped()
        return correlate(dy, turned.reshape(groups, -1, c), None, dx, flipped, ctx)
    return _scatter(dy, V, dx, axes, ctx)


def _scatter(dy: Any, V: Any, dx: Any, axes: Axes, ctx: Ctx) -> Any:
    """dx, each window's share added to the values it covers, one tap of the kernel after the other."""
    xp, (groups, k, _), (h, w) = ctx.xp, V.shape, axes
    tiling = Tiling.of(axes, groups * k)
    shares = per_thread(ctx, "rows", tiling.rows * groups * k, dy.dtype)
    borders = per_thread(ctx, "padded", tiling.images * pad_size(axes, dx.shape[-1]), dy.dtype)

    def block(images: slice) -> None:
        mine, border = shares.pop(), borders.pop()
        for some in tiling.batches(images):
            sums = dx[some] if is_bare(axes) else framed(len(dx[some]), axes, dx.shape[-1], border)
            sums[...] = 0
            for band in tiling.bands():
                out = dy[some, band]
                n, a, b, _ = out.shape
                held = mine[: n * a * b * groups * k].reshape(groups, n * a * b, k)
                xp.matmul(by_group(out, groups), V.swapaxes(1, 2), out=held)
                share = held.reshape(groups, n, a, b, h.kernel, w.kernel, -1)
                target = sums.reshape(*sums.shape[:3], groups, -1).transpose(3, 0, 1, 2, 4)
                for i in range(h.kernel):
                    for j in range(w.kernel):
                        target[:, :, h.reach(i, band), w.reach(j)] += share[:, :, :, :, i, j]
            if not is_bare(axes):
                dx[some] = sums[:, h.inside, w.inside]
        shares.append(mine)
        borders.append(border)

    ctx.rows(len(dx), _work(dy, groups * k), block)
    return dx


def weight_gradient(x: Any, dy: Any, dW: Any, db: Any, groups: int, axes: Axes, ctx: Ctx) -> None:
    """dV = rows(x)ᵀ dy and db = Σ dy, written into dW (kh, kw, c/groups, filters) and db (or None)."""
    xp, backend, dV, filters = ctx.xp, ctx.shared.backend, matrices(dW, groups), dW.shape[-1]
    if is_pointwise(axes, groups):
        flat = dy.reshape(-1, filters)
        ctx.matmul(x.reshape(len(flat), -1).T, flat, dV[0])
        if db is not None:
            ctx.ones(len(flat), dy.dtype).dot(flat, db)
        return
    k = dV.shape[1]
    if (kernels := direct.kernels(groups, k, axes, (x, dy), ctx)) is not None:
        direct.weight_gradient(kernels, x, dy, dW, db, axes, ctx)
        return
    tiling = Tiling.of(axes, groups * k)
    scratch = per_thread(ctx, "rows", tiling.rows * groups * k, x.dtype)
    sliding = _sliding(x, axes, tiling, ctx)
    products = per_thread(ctx, "product", dW.size, x.dtype)
    most = float(BLOCK_WORK) * max(1, PARTIAL // dW.size)
    blocks = grid(len(x), min(_work(dy, groups * k), most))
    partial = ctx.buf("partial", (len(blocks), *dV.shape), x.dtype)
    partial_b = ctx.buf("partial_b", (len(blocks), filters), x.dtype)
    ones, bands = ctx.ones(tiling.rows, x.dtype), list(tiling.bands())

    def block(images: slice) -> None:
        mine, over, product = scratch.pop(), sliding.pop(), products.pop()
        number = images.start // blocks[0].stop
        total, total_b = partial[number], partial_b[number]
        total[...] = 0
        total_b[...] = 0
        for some in tiling.batches(images):
            view = over.of(some)
            for band in bands:
                out = dy[some, band]
                of_x = rows(view[:, band], groups, mine, backend).swapaxes(1, 2)
                total += xp.matmul(of_x, by_group(out, groups), out=product.reshape(dV.shape))
                if db is not None:
                    flat = out.reshape(-1, filters)
                    total_b += ones[: len(flat)] @ flat
        scratch.append(mine)
        sliding.append(over)
        products.append(product)

    ctx.shared.pool.run(block, blocks)
    xp.sum(partial, axis=0, out=dV)
    if db is not None:
        xp.sum(partial_b, axis=0, out=db)
