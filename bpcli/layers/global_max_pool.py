from __future__ import annotations

from math import inf, prod
from typing import Any, ClassVar, Literal

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers._masks import positions
from bpcli.layers._window_fields import check_between
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


class GlobalMaxPool(Layer):
    """y = the largest x of each channel over all axes between batch and channels.

    Backward: dx = dy at the largest value, 0 elsewhere; of equal ones the first takes all.
    Shapes: x (n, t, c) or (n, h, w, c) -> y (n, c). Of a masked sequence only the real steps are looked at;
    where there is none, y = 0.
    Source: Collobert et al., 2011 (max over time).
    """

    type: Literal["global_max_pool"] = "global_max_pool"

    smooth: ClassVar[bool] = False
    passes_on: ClassVar[bool] = True
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "consume"
    examples: ClassVar = (Example({}, (5, 3)), Example({}, (3, 4, 2)))

    def build(self, shape: Shape, decl: Decl) -> Shape:
        check_between(decl, self, shape)
        return shape[-1:]

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        xp, (n, c) = ctx.xp, (len(x), x.shape[-1])
        real = None if ctx.mask is None else positions(ctx.mask, x.shape, xp)[:, :, None]
        if real is not None:
            seen = ctx.buf("seen", x.shape, x.dtype)
            seen[...] = x
            xp.copyto(seen.reshape(n, -1, c), -inf, where=~real)
            x = seen
        ctx.saved = x, real
        y = xp.max(x.reshape(n, -1, c), axis=1, out=ctx.buf("y", (n, c), x.dtype))
        if real is not None:
            xp.copyto(y, 0, where=~real.any(axis=1))
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        xp, (x, real), (n, c) = ctx.xp, ctx.saved, dy.shape
        dx = ctx.buf("dx", x.shape, dy.dtype)
        dx[...] = 0
        largest = xp.argmax(x.reshape(n, -1, c), axis=1)  # the first of equal ones
        given = dy if real is None else dy * real.any(axis=1)
        dx.reshape(n, -1, c)[xp.arange(n)[:, None], largest, xp.arange(c)] = given
        return dx

    def flops(self, shape: Shape, output: Shape) -> int:
        return prod(shape)
