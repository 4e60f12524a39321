from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers._window_fields import Size2d, check_shape, pair
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


class Upsample2d(Layer):
    """y = A x Bᵀ for each channel: A (k·h, h) and B (l·w, w) repeat rows and columns, or interpolate them.

    Backward: dx = Aᵀ dy B.
    Shapes: x (n, h, w, c) -> y (n, k·h, l·w, c).
    nearest: row i of A picks ⌊i / k⌋. bilinear: row i takes from the two rows next to (i + ½) / k - ½, at the
    border from one: corners are not aligned, as in Keras and in PyTorch with `align_corners=False`.
    """

    type: Literal["upsample2d"] = "upsample2d"
    size: Size2d = Field(default=2, description="how many times as large")
    interpolation: Literal["nearest", "bilinear"] = "nearest"

    passes_on: ClassVar[bool] = True
    examples: ClassVar = (
        Example({}, (2, 3, 2)),
        Example({"size": [3, 2], "interpolation": "bilinear"}, (2, 3, 2)),
        Example({"size": [1, 3]}, (2, 2, 3)),
        Example({"interpolation": "bilinear"}, (1, 4, 1)),
    )

    def build(self, shape: Shape, decl: Decl) -> Shape:
        check_shape(decl, self, shape, "hwc")
        (k, l), (h, w, c) = pair(self.size), shape
        return (k * h, l * w, c)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        ctx.saved = x.shape
        (k, l), (n, h, w, c) = pair(self.size), x.shape
        y = ctx.buf("y", (n, k * h, l * w, c), x.dtype)
        if self.interpolation == "nearest":
            y.reshape(n, h, k, w, l, c)[...] = x[:, :, None, :, None]
            return y
        A, B = self._matrix(h, k, x, ctx), self._matrix(w, l, x, ctx)
        wide = ctx.buf("wide", (n, h, l * w, c), x.dtype)
        ctx.xp.matmul(B, x, out=wide)
        ctx.xp.matmul(A, wide.reshape(n, h, -1), out=y.reshape(n, k * h, -1))
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        (k, l), (n, h, w, c) = pair(self.size), ctx.saved
        dx = ctx.buf("dx", ctx.saved, dy.dtype)
        wide = ctx.buf("dwide", (n, h, l * w, c), dy.dtype)
        if self.interpolation == "nearest":
            dy.reshape(n, h, k, l * w, c).sum(axis=2, out=wide)
            wide.reshape(n, h, w, l, c).sum(axis=3, out=dx)
            return dx
        A, B = self._matrix(h, k, dy, ctx), self._matrix(w, l, dy, ctx)
        ctx.xp.matmul(A.T, dy.reshape(n, k * h, -1), out=wide.reshape(n, h, -1))
        ctx.xp.matmul(B.T, wide, out=dx)
        return dx

    def _matrix(self, size: int, times: int, x: Any, ctx: Ctx) -> Any:
        return ctx.shared.backend.asarray(interpolation(size, times).astype(x.dtype))

    def flops(self, shape: Shape, output: Shape) -> int:
        if self.interpolation == "nearest":
            return 0
        h, w, c = shape
        return 2 * h * prod(output) + 2 * w * h * output[1] * c


@lru_cache(maxsize=32)
def interpolation(size: int, times: int) -> np.ndarray:
    """The matrix (times·size, size) of linear interpolation between neighbours, constant beyond the ends."""
    at = np.clip((np.arange(times * size) + 0.5) / times - 0.5, 0, size - 1)
    # The weight of a neighbour falls off linearly and is nothing at a distance of one.
    return np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(size)))
