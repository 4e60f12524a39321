from __future__ import annotations

from math import prod
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, model_validator
from pydantic_core import PydanticCustomError

from bpcli.core.cplx import absolute, accumulator
from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


class ActivityPenalty(Layer):
    """y = x, and while training the loss grows by (l1·Σ|x| + ½·l2·Σx²) / n, n the rows of the batch.

    Backward: dx = dy + (l1·sign(x) + l2·x) / n.
    Shapes: any, unchanged. The mean is over rows alone, whatever their weights, as that of Keras'
    activity_regularizer, whose l2 has no ½; with train.accumulate, n counts the rows of all micro-batches.
    Steps that a sequence mask hides cost nothing. train.loss contains the penalty, val.loss does not.
    Source: l1 for sparse activity: Olshausen and Field, 1996; Glorot, Bordes and Bengio, 2011.
    """

    type: Literal["activity_penalty"] = "activity_penalty"
    l1: NonNegativeFloat = Field(default=0.0, description="the price of Σ|x|, which pulls values to zero")
    l2: NonNegativeFloat = Field(default=0.0, description="the price of ½·Σx², which keeps values small")

    passes_on: ClassVar[bool] = True
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    by_pieces: ClassVar[bool] = True
    examples: ClassVar = (
        Example({"l2": 0.7}, (4,)),
        Example({"l1": 0.3}, (2, 3)),
        Example({"l1": 0.1, "l2": 0.2}, (3,)),
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.l1 and not self.l2:
            raise PydanticCustomError(
                "penalty", "a penalty of nothing", {"hint": "set l1, l2, or both, such as l2: 1e-4"}
            )
        return self

    @property
    def smooth(self) -> bool:
        return not self.l1

    def build(self, shape: Shape, decl: Decl) -> Shape:
        return shape

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        ctx.saved = None
        if not ctx.training:
            return x
        xp, seen = ctx.xp, x
        if ctx.mask is not None:
            real = ctx.mask.reshape(*ctx.mask.shape, *(1,) * (x.ndim - ctx.mask.ndim))
            seen = xp.multiply(x, real, out=ctx.buf("seen", x.shape, x.dtype))
        wide = accumulator(x.dtype)
        total = 0.0
        if self.l1:
            total += self.l1 * absolute(seen, xp).sum(dtype=wide).item()
        if self.l2:
            squares = xp.multiply(seen, seen, out=ctx.buf("scratch", x.shape, x.dtype))
            total += 0.5 * self.l2 * squares.sum(dtype=wide).item()
        ctx.penalize(total)
        ctx.saved = seen
        return x

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        x = ctx.saved
        if x is None:
            return dy
        xp, n = ctx.xp, ctx.shared.rows
        dx = xp.multiply(x, self.l2 / n, out=ctx.buf("dx", dy.shape, dy.dtype))
        if self.l1:
            sign = xp.sign(x.real, out=ctx.buf("sign", x.shape, x.real.dtype))
            sign *= self.l1 / n
            dx += sign
        dx += dy
        return dx

    def flops(self, shape: Shape, output: Shape) -> int:
        return 2 * prod(shape)
