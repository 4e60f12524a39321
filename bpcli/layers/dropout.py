from __future__ import annotations

from math import prod
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example

#: A mask takes 16 random bits a value, a quarter of the work of a random number: rates are met to 1e-5.
_STEPS = 1 << 16


def _draw(shape: tuple[int, ...], ctx: Ctx) -> Any:
    """Whole numbers below _STEPS, on the device."""
    size = prod(shape)
    words = ctx.rng("mask").bit_generator.random_raw(-(-size // 4))
    return ctx.shared.backend.asarray(words.view(np.uint16)[:size].reshape(shape))


class Dropout(Layer):
    """y = x m / (1 - rate) while training, y = x otherwise; each m is 0 with probability `rate`, else 1.

    Backward: dx = dy m / (1 - rate), with the same m.
    Shapes: any, unchanged. The mask depends on seed, step and place in the net alone, not on precision
    or device, and scaling during training (inverted dropout) leaves nothing to do afterwards. `rate` is
    rounded to a multiple of 2⁻¹⁶.
    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, 2014.
    """

    type: Literal["dropout"] = "dropout"
    rate: Annotated[float, Field(ge=0, lt=1, description="the share of values that are left out")]

    passes_on: ClassVar[bool] = True
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    by_pieces: ClassVar[bool] = True
    examples: ClassVar = (
        Example({"rate": 0.5}, (6,)),
        Example({"rate": 0.2}, (3, 4)),
        Example({"rate": 0.0}, (3,)),
    )

    def build(self, shape: Shape, decl: Decl) -> Shape:
        return shape

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of m for this shape of x; where an axis is 1, the same m serves all along it."""
        return shape

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        if not ctx.training or self.rate == 0:
            ctx.saved = None
            return x
        xp = ctx.xp
        limit = min(round(self.rate * _STEPS), _STEPS - 1)
        shape = self.mask_shape(x.shape)
        kept = xp.greater_equal(_draw(shape, ctx), limit, out=ctx.buf("kept", shape, bool))
        m = ctx.buf("m", shape, x.dtype)
        xp.multiply(kept, m.dtype.type(_STEPS / (_STEPS - limit)), out=m)
        ctx.saved = m
        return xp.multiply(x, m, out=ctx.buf("y", x.shape, x.dtype))

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        m = ctx.saved
        return dy if m is None else ctx.xp.multiply(dy, m, out=ctx.buf("dx", dy.shape, m.dtype))
