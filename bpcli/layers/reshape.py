from __future__ import annotations

from math import prod
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example, Many


class Reshape(Layer):
    """y = x in another shape, the same numbers in the same order.

    Backward: dx = dy in x's shape.
    Shapes: x (n, ...) -> y (n, *shape), the last axis running fastest. One size may be -1: what is left over.
    """

    type: Literal["reshape"] = "reshape"
    shape: Annotated[Many[int], Field(min_length=1)] = Field(
        description="the sizes without the batch; one of them may be -1"
    )

    passes_on: ClassVar[bool] = True
    examples: ClassVar = (
        Example({"shape": [2, 3]}, (6,)),
        Example({"shape": [-1, 2]}, (2, 3)),
        Example({"shape": [12]}, (2, 2, 3)),
    )

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        if any(size < 1 and size != -1 for size in self.shape) or self.shape.count(-1) > 1:
            raise PydanticCustomError(
                "sizes",
                "the sizes of shape are positive, and at most one is -1",
                {"hint": "such as [8, 8, 1]"},
            )
        return self

    def build(self, shape: Shape, decl: Decl) -> Shape:
        size, known = prod(shape), prod(s for s in self.shape if s != -1)
        fits = size % known == 0 if -1 in self.shape else size == known
        if not fits:
            told = list(self.shape)
            raise decl.error(f"the {size} numbers of {shape} do not fill the shape {told}", None, "shape")
        return self._filled(shape)

    def _filled(self, shape: Shape) -> Shape:
        left = prod(shape) // prod(s for s in self.shape if s != -1)
        return tuple(left if s == -1 else s for s in self.shape)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        ctx.saved = x.shape
        return x.reshape(len(x), *self._filled(x.shape[1:]))

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        return dy.reshape(ctx.saved) if ctx.need_dx else None
