"""Pooling along one axis; an image is pooled along its width and then along its height.

The maximum over a rectangle is the maximum of its rows' maxima, and the first of equal ones is found the
same way: in the first row that has it, the first value. Means split alike.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from math import prod
from typing import Any, ClassVar

import numpy as np

from bpcli.core.ctx import Ctx
from bpcli.core.rows import PASS
from bpcli.core.store import Decl, Tree
from bpcli.core.windows import TILE, Axis, batches
from bpcli.layers._scratch import per_thread
from bpcli.layers._window_fields import check_shape, check_windows
from bpcli.layers.base import Layer, Shape

#: Arrays of a tile's size that should stay in the cache together.
COPIES = 4


class Pool(Layer):
    """A layer that pools each axis between batch and channels, the last one first."""

    passes_on: ClassVar[bool] = True

    @abstractmethod
    def axes(self, shape: Shape) -> tuple[Axis, ...]:
        """The axes between batch and channels, from an input's shape with or without the batch axis."""

    @abstractmethod
    def pool(self, x: Any, y: Any, axis: Axis, ctx: Ctx) -> None:
        """Pools x (n, a, size, b) along its third axis into y (n, a, out, b)."""

    @abstractmethod
    def unpool(self, x: Any, y: Any, dy: Any, dx: Any, axis: Axis, ctx: Ctx) -> None:
        """The gradient of that: writes dx (n, a, size, b)."""

    def build(self, shape: Shape, decl: Decl) -> Shape:
        check_shape(decl, self, shape, "tc" if "1d" in self.type else "hwc")
        axes = self.axes(shape)
        check_windows(decl, self, axes)
        for axis in axes:
            if not counts(axis).all():
                raise decl.error(
                    f"some windows of {self.type} hold nothing but padding",
                    "pad by less than the size of a window",
                    "padding",
                )
        return (*(axis.out for axis in axes), shape[-1])

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        passes: list[tuple[Any, Any, Axis]] = []
        for place, axis in reversed(list(enumerate(self.axes(x.shape), 1))):
            shape = (*x.shape[:place], axis.out, *x.shape[place + 1 :])
            y = ctx.buf(f"y{place}", shape, x.dtype)
            lines = x.reshape(_lines(x.shape, place)), y.reshape(_lines(shape, place))
            self.pool(*lines, axis, ctx.child(f"axis{place}"))
            passes.append((*lines, axis))
            x = y
        ctx.saved = passes
        return x

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        shape = list(dy.shape)
        for place, (x, y, axis) in enumerate(reversed(ctx.saved), 1):
            shape[place] = axis.size
            dx = ctx.buf(f"dx{place}", tuple(shape), dy.dtype)
            self.unpool(x, y, dy.reshape(y.shape), dx.reshape(x.shape), axis, ctx.child(f"axis{place}"))
            dy = dx
        return dy

    def flops(self, shape: Shape, output: Shape) -> int:
        return prod(output) * prod(axis.kernel for axis in self.axes(shape))


def counts(axis: Axis) -> Any:
    """How many values, padding not counted, each window holds."""
    found = np.zeros(axis.out)
    for tap in range(axis.kernel):
        found[axis.pairs(tap)[0]] += 1
    return found


def is_partition(axis: Axis) -> bool:
    """Whether each value is in exactly one window, so that nothing has to be added up."""
    windows = (axis.stride, axis.dilation, axis.before) == (axis.kernel, 1, 0)
    return windows and axis.size == axis.out * axis.kernel


def fold(x: Any, y: Any, axis: Axis, combine: Callable[..., Any], neutral: float) -> None:
    """y = the values under all taps, combined."""
    taps = [axis.pairs(tap) for tap in range(axis.kernel)]
    if axis.kernel > 1 and taps[0][0] == taps[1][0] == slice(0, axis.out):
        combine(x[:, :, taps[0][1]], x[:, :, taps[1][1]], out=y)
        taps = taps[2:]
    else:
        y[...] = neutral
    for some, values in taps:
        combine(y[:, :, some], x[:, :, values], out=y[:, :, some])


def in_tiles(kernel: Callable[..., None], arrays: tuple[Any, ...], scratch: int, ctx: Ctx) -> None:
    """Calls kernel(arrays of some images, …) with so many scratch arrays of the first one's shape."""
    first = arrays[0]
    n, size = len(first), prod(first.shape[1:])
    images = max(1, TILE // (COPIES * size))
    free = per_thread(ctx, f"scratch{scratch}", scratch * images * size, first.dtype)

    def block(rows: slice) -> None:
        mine = free.pop()
        for some in batches(rows, images):
            part = [a[some] for a in arrays]
            held = mine[: scratch * part[0].size].reshape(scratch, *part[0].shape)
            kernel(*part, *held)
        free.append(mine)

    ctx.rows(n, PASS * sum(a.size for a in arrays), block)


def _lines(shape: tuple[int, ...], place: int) -> tuple[int, ...]:
    """The shape (n, all before, size, all after) for an axis."""
    return (shape[0], prod(shape[1:place]), shape[place], prod(shape[place + 1 :]))
