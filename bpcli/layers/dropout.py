from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


class Dropout(Layer):
    """y = x m / (1 - rate) while training, y = x otherwise; each m is 0 with probability `rate`, else 1.

    Backward: dx = dy m / (1 - rate), with the same m.
    Shapes: any, unchanged. The mask depends on seed, step and place in the net alone, not on precision
    or device, and scaling during training (inverted dropout) leaves nothing to do afterwards.
    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, 2014.
    """

    type: Literal["dropout"] = "dropout"
    rate: Annotated[float, Field(ge=0, lt=1, description="the share of values that are left out")]

    masks: ClassVar[Literal["keep", "consume", "ignore"]] = "keep"
    examples: ClassVar = (
        Example({"rate": 0.5}, (6,)),
        Example({"rate": 0.2}, (3, 4)),
        Example({"rate": 0.0}, (3,)),
    )

    def build(self, shape: Shape, decl: Decl) -> Shape:
        return shape

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        if not ctx.training or self.rate == 0:
            ctx.saved = None
            return x
        xp = ctx.xp
        keep = 1.0 - self.rate
        drawn = ctx.host("drawn", x.shape, np.float32)
        ctx.rng("mask").random(dtype=np.float32, out=drawn)
        drawn += np.float32(keep)  # floor makes it 1 with probability `keep`, in one pass without a cast
        np.floor(drawn, out=drawn)
        m = ctx.buf("m", x.shape, x.dtype)
        xp.multiply(ctx.shared.backend.asarray(drawn), m.dtype.type(1.0 / keep), out=m)
        ctx.saved = m
        return xp.multiply(x, m, out=ctx.buf("y", x.shape, x.dtype))

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        m = ctx.saved
        return dy if m is None else ctx.xp.multiply(dy, m, out=ctx.buf("dx", m.shape, m.dtype))
