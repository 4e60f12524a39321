from __future__ import annotations

from math import prod
from typing import Any, ClassVar, Literal

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


class Flatten(Layer):
    """y = x as one row of numbers for each example.

    Backward: dx = dy in x's shape.
    Shapes: x (n, a, b, ...) -> y (n, a·b·...), the last axis running fastest.
    """

    type: Literal["flatten"] = "flatten"
    passes_on: ClassVar[bool] = True
    examples: ClassVar = (Example({}, (2, 3, 4)), Example({}, (5,)))

    def build(self, shape: Shape, decl: Decl) -> Shape:
        return (prod(shape),)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        ctx.saved = x.shape
        return x.reshape(len(x), -1)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        return dy.reshape(ctx.saved) if ctx.need_dx else None
