from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.core.ctx import Ctx
from bpcli.core.store import Tree
from bpcli.layers._masks import met
from bpcli.layers._merge import EQUAL, Merge, elementwise
from bpcli.layers.base import Shape


class Multiply(Merge):
    """y = x₁ x₂ …, the product of several layers' outputs, number by number.

    Backward: dxᵢ = dy Π xⱼ over all j but i.
    Shapes: k inputs (n, ...), all the same -> y (n, ...). Nothing is broadcast.
    """

    type: Literal["multiply"] = "multiply"
    examples: ClassVar = EQUAL

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        ctx.mask = met(ctx.masks, ctx)
        first, second, *others = ctx.saved = x
        y = ctx.xp.multiply(first, second, out=ctx.buf("y", first.shape, first.dtype))
        for other in others:
            y *= other
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        x, dxs = ctx.saved, list[Any]()
        for i in range(len(x)):  # never by dividing y by xᵢ, which may be 0
            first, *others = (x[j] for j in range(len(x)) if j != i)
            dx = ctx.xp.multiply(dy, first, out=ctx.buf(f"dx{i}", dy.shape, dy.dtype))
            for other in others:
                dx *= other
            dxs.append(dx)
        return tuple(dxs)

    def flops(self, shape: Shape, output: Shape) -> int:
        return elementwise(shape, output)
