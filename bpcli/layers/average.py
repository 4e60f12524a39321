from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.core.ctx import Ctx
from bpcli.core.store import Tree
from bpcli.layers._masks import met
from bpcli.layers._merge import EQUAL, Merge, elementwise
from bpcli.layers.base import Shape


class Average(Merge):
    """y = (x₁ + … + xₖ) / k, the mean of several layers' outputs.

    Backward: dx₁ = … = dxₖ = dy / k.
    Shapes: k inputs (n, ...), all the same -> y (n, ...). Nothing is broadcast.
    """

    type: Literal["average"] = "average"
    examples: ClassVar = EQUAL

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        ctx.mask = met(ctx.masks, ctx)
        first, second, *others = x
        y = ctx.xp.add(first, second, out=ctx.buf("y", first.shape, first.dtype))
        for other in others:
            y += other
        y *= 1.0 / len(x)
        ctx.saved = len(x)
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        k = ctx.saved
        return (ctx.xp.multiply(dy, 1.0 / k, out=ctx.buf("dx", dy.shape, dy.dtype)),) * k

    def flops(self, shape: Shape, output: Shape) -> int:
        return elementwise(shape, output)
