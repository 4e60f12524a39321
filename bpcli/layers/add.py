from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.core.ctx import Ctx
from bpcli.core.store import Tree
from bpcli.layers._masks import met
from bpcli.layers._merge import EQUAL, Merge, elementwise
from bpcli.layers.base import Shape


class Add(Merge):
    """y = x₁ + x₂ + …, the sum of several layers' outputs.

    Backward: dx₁ = dx₂ = … = dy.
    Shapes: k inputs (n, ...), all the same -> y (n, ...). Nothing is broadcast.
    """

    type: Literal["add"] = "add"
    examples: ClassVar = EQUAL

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        ctx.mask = met(ctx.masks, ctx)
        first, second, *others = x
        y = ctx.xp.add(first, second, out=ctx.buf("y", first.shape, first.dtype))
        for other in others:
            y += other
        ctx.saved = len(x)
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        return (dy,) * ctx.saved if ctx.need_dx else None

    def flops(self, shape: Shape, output: Shape) -> int:
        return elementwise(shape, output)
