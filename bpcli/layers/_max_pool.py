"""The maximum along an axis, and where its gradient goes; compiled, over whole windows."""

from __future__ import annotations

from typing import Any, ClassVar

from bpcli.core.ctx import Ctx
from bpcli.core.rows import PASS, Blocks, grid
from bpcli.core.store import Tree
from bpcli.core.windows import Axis
from bpcli.layers._pool import Pool, fold, in_tiles, is_partition


class MaxPool(Pool):
    """y = the largest value of each window; its gradient goes to the first value that is as large."""

    smooth: ClassVar[bool] = False

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        kernels = ctx.compiled("max_pool", x.dtype)
        if kernels is None or not x.flags.c_contiguous:
            return super().forward(p, x, ctx)
        ctx.saved = whole = WholeWindows(kernels, x, self.axes(x.shape), ctx)
        return whole.pool()

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not isinstance(ctx.saved, WholeWindows):
            return super().backward(p, g, dy, ctx)
        return ctx.saved.unpool(dy) if ctx.need_dx else None

    def pool(self, x: Any, y: Any, axis: Axis, ctx: Ctx) -> None:
        xp = ctx.xp
        in_tiles(lambda y, x: fold(x, y, axis, xp.maximum, -xp.inf), (y, x), 0, ctx)

    def unpool(self, x: Any, y: Any, dy: Any, dx: Any, axis: Axis, ctx: Ctx) -> None:
        xp, alone = ctx.xp, is_partition(axis)
        pairs = [axis.pairs(tap) for tap in range(axis.kernel)]

        def route(dy: Any, dx: Any, x: Any, y: Any, left: Any, share: Any) -> None:
            left[...] = dy  # what no tap has taken yet
            if not alone:
                dx[...] = 0
            for tap, (some, values) in enumerate(pairs):
                taken = share[:, :, some]
                if tap == axis.kernel - 1:
                    taken = left[:, :, some]
                else:
                    xp.multiply(left[:, :, some], x[:, :, values] == y[:, :, some], out=taken)
                    left[:, :, some] -= taken
                if alone:
                    dx[:, :, values] = taken
                else:
                    dx[:, :, values] += taken

        in_tiles(route, (dy, dx, x, y), 2, ctx)


class WholeWindows:
    """The maximum by compiled kernels, over all axes at once; a sequence is an image of one line."""

    def __init__(self, kernels: Any, x: Any, axes: tuple[Axis, ...], ctx: Ctx) -> None:
        self._kernels, self._x, self._ctx = kernels, x, ctx
        self._y = ctx.buf("y", (len(x), *(axis.out for axis in axes), x.shape[-1]), x.dtype)
        lines = (Axis(1, 1), *axes)[-2:]
        self._axes = [(axis.kernel, axis.stride, axis.dilation, axis.before) for axis in lines]

    def pool(self) -> Any:
        x, y = _image(self._x), _image(self._y)
        self._kernels.forward(self._ctx.shared.pool, self._blocks(), x, y, *self._axes)
        return self._y

    def unpool(self, dy: Any) -> Any:
        dx = self._ctx.buf("dx", self._x.shape, dy.dtype)
        images = [_image(a) for a in (self._x, self._y, self._ctx.xp.ascontiguousarray(dy), dx)]
        blocks = self._blocks()
        left = self._ctx.buf("left", (len(blocks), dx.shape[-1]), dx.dtype)
        self._kernels.backward(self._ctx.shared.pool, blocks, *images, left, *self._axes)
        return dx

    def _blocks(self) -> Blocks:
        return grid(len(self._x), PASS * (self._x.size + self._y.size))


def _image(a: Any) -> Any:
    """a (n, ..., w, c) as (n, h, w, c)."""
    return a if a.ndim == 4 else a[:, None]
