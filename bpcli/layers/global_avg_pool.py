from __future__ import annotations

from math import prod
from typing import Any, ClassVar, Literal

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers._masks import positions
from bpcli.layers._window_fields import check_between
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


class GlobalAvgPool(Layer):
    """y = mean of x over all axes between batch and channels.

    Backward: dx = dy / m for each of the m values.
    Shapes: x (n, t, c) or (n, h, w, c) -> y (n, c). Of a masked sequence the mean is over the real steps,
    and 0 where there is none.
    Source: Lin, Chen and Yan, 2014.
    """

    type: Literal["global_avg_pool"] = "global_avg_pool"

    passes_on: ClassVar[bool] = True
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "consume"
    examples: ClassVar = (Example({}, (5, 3)), Example({}, (3, 4, 2)))

    def build(self, shape: Shape, decl: Decl) -> Shape:
        check_between(decl, self, shape)
        return shape[-1:]

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        n, c = len(x), x.shape[-1]
        flat = x.reshape(n, -1, c)
        y = ctx.buf("y", (n, c), x.dtype)
        weights = self._weights(x, ctx)
        ctx.saved = x.shape, weights
        ctx.xp.matmul(weights, flat, out=y[:, None])
        return y

    def _weights(self, x: Any, ctx: Ctx) -> Any:
        """(n or 1, 1, m): what each of the m positions of a row counts in its mean."""
        m = prod(x.shape[1:-1])
        if ctx.mask is None:
            return ctx.xp.full((1, 1, m), 1.0 / m, x.dtype)
        weights = positions(ctx.mask, x.shape, ctx.xp).astype(x.dtype)[:, None]
        weights /= ctx.xp.maximum(weights.sum(axis=2, keepdims=True), 1)
        return weights

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        (n, *_, c), weights = ctx.saved
        dx = ctx.buf("dx", ctx.saved[0], dy.dtype)
        ctx.xp.multiply(weights.swapaxes(1, 2), dy[:, None], out=dx.reshape(n, -1, c))
        return dx

    def flops(self, shape: Shape, output: Shape) -> int:
        return prod(shape)
