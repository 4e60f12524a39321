from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example, Many


class Permute(Layer):
    """y = x with its axes in another order: axis i of y is axis order[i] of x.

    Backward: dx = dy with the axes put back.
    Shapes: the axes after the batch are counted from 1, as in Keras; the batch stays first. `order: [2, 1]`
    turns (n, t, c) into (n, c, t).
    """

    type: Literal["permute"] = "permute"
    order: Annotated[Many[PositiveInt], Field(min_length=1)] = Field(
        description="the old axes in their new order, from 1"
    )

    passes_on: ClassVar[bool] = True
    examples: ClassVar = (Example({"order": [2, 1]}, (2, 3)), Example({"order": [3, 1, 2]}, (2, 3, 4)))

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if sorted(self.order) != list(range(1, len(self.order) + 1)):
            raise PydanticCustomError(
                "order", "order names each axis from 1 on once", {"hint": "such as [2, 1] or [3, 1, 2]"}
            )
        return self

    def build(self, shape: Shape, decl: Decl) -> Shape:
        if len(shape) != len(self.order):
            raise decl.error(
                f"an order of {len(self.order)} axes does not fit {shape}, which has {len(shape)}",
                None,
                "order",
            )
        return tuple(shape[axis - 1] for axis in self.order)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        return _moved(x, (0, *self.order), "y", ctx)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        back = sorted(range(len(self.order)), key=lambda place: self.order[place])
        return _moved(dy, (0, *(place + 1 for place in back)), "dx", ctx)


def _moved(a: Any, axes: tuple[int, ...], name: str, ctx: Ctx) -> Any:
    """A copy, not a view: what comes next is fast on arrays that lie in order."""
    view = a.transpose(axes)
    out = ctx.buf(name, view.shape, a.dtype)
    out[...] = view
    return out
