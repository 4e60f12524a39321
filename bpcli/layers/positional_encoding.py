from __future__ import annotations

from math import log, sqrt
from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers._positions import check_sequence, positions
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


class PositionalEncoding(Layer):
    """y = x + P, P[t, 2i] = sin(t / base^(2i/c)), P[t, 2i+1] = cos(t / base^(2i/c)): waves tell the position.

    Backward: dx = dy. With `scale`, y = √c x + P and dx = √c dy.
    Shapes: x (n, t, c) -> y (n, t, c), for any number of steps. t counts from 0; masked steps do not count,
    so it does not matter where the padding stands. In sequences that are generated the count goes on.
    Source: Vaswani et al., 2017, section 3.5 (`scale`: section 3.4).
    """

    type: Literal["positional_encoding"] = "positional_encoding"
    base: PositiveFloat = Field(default=10000.0, description="the longest wave has about 2π·base steps")
    scale: bool = Field(default=False, description="whether x is multiplied by √c, as after an embedding")

    by_pieces: ClassVar[bool] = True
    counts_steps: ClassVar[bool] = True
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    examples: ClassVar = (Example({}, (3, 4)), Example({"scale": True, "base": 100.0}, (4, 5)))

    def build(self, shape: Shape, decl: Decl) -> Shape:
        check_sequence(self, shape, decl)
        return shape

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        xp, at = ctx.xp, positions(x, ctx)
        y = ctx.buf("y", x.shape, x.dtype)
        if at.ndim == 1:
            y[...] = self._table(len(at), x, ctx)
        elif ctx.shared.decoding is None:
            xp.take(self._table(x.shape[1], x, ctx), at, axis=0, out=y)
        else:
            y[...] = self._waves(at, x.shape[2], xp)
        if not self.scale:
            y += x
            return y
        y += xp.multiply(x, sqrt(x.shape[2]), out=ctx.buf("scaled", x.shape, x.dtype))
        return y

    def _table(self, steps: int, x: Any, ctx: Ctx) -> Any:
        """P (steps, c), computed anew only for another shape."""
        shape = (steps, x.shape[2])
        table = ctx.buf("table", shape, x.dtype)
        if ctx.saved != (shape, x.dtype):
            table[...] = self._waves(ctx.xp.arange(steps), x.shape[2], ctx.xp)
            ctx.saved = shape, x.dtype
        return table

    def _waves(self, at: Any, width: int, xp: Any) -> Any:
        """P[at] (..., c) in float64."""
        made = xp.empty((*at.shape, width), xp.float64)
        angles = at[..., None] * xp.exp(xp.arange(0, width, 2) * (-log(self.base) / width))
        made[..., 0::2] = xp.sin(angles)
        made[..., 1::2] = xp.cos(angles[..., : width // 2])
        return made

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        if not self.scale:
            return dy
        return ctx.xp.multiply(dy, sqrt(dy.shape[2]), out=ctx.buf("dx", dy.shape, dy.dtype))
