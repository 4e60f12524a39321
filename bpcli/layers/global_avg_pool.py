from __future__ import annotations

from math import prod
from typing import Any, ClassVar, Literal

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers._window_fields import check_between
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


class GlobalAvgPool(Layer):
    """y = mean of x over all axes between batch and channels.

    Backward: dx = dy / m for each of the m values.
    Shapes: x (n, t, c) or (n, h, w, c) -> y (n, c).
    Source: Lin, Chen and Yan, 2014.
    """

    type: Literal["global_avg_pool"] = "global_avg_pool"

    examples: ClassVar = (Example({}, (5, 3)), Example({}, (3, 4, 2)))

    def build(self, shape: Shape, decl: Decl) -> Shape:
        check_between(decl, self, shape)
        return shape[-1:]

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        ctx.saved = x.shape
        n, c = len(x), x.shape[-1]
        flat = x.reshape(n, -1, c)
        y = ctx.buf("y", (n, c), x.dtype)
        m = flat.shape[1]
        ctx.xp.matmul(ctx.xp.full((1, m), 1.0 / m, x.dtype), flat, out=y[:, None])
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        n, *between, c = ctx.saved
        dx = ctx.buf("dx", ctx.saved, dy.dtype)
        dx.reshape(n, -1, c)[...] = (dy * (1.0 / prod(between)))[:, None]
        return dx

    def flops(self, shape: Shape, output: Shape) -> int:
        return prod(shape)
