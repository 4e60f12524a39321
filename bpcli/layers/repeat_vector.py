from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


class RepeatVector(Layer):
    """yₜ = x for t = 1 … times: a vector as a sequence, the same at every step.

    Backward: dx = Σₜ dyₜ.
    Shapes: x (n, c) -> y (n, times, c).
    """

    type: Literal["repeat_vector"] = "repeat_vector"
    times: PositiveInt = Field(description="the length of the sequence")

    passes_on: ClassVar[bool] = True
    examples: ClassVar = (Example({"times": 3}, (4,)), Example({"times": 1}, (2,)))

    def build(self, shape: Shape, decl: Decl) -> Shape:
        if len(shape) != 1:
            raise decl.error(
                f"repeat_vector repeats one vector for each example, and gets {shape}",
                "put flatten before it",
            )
        return (self.times, *shape)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        y = ctx.buf("y", (len(x), self.times, x.shape[1]), x.dtype)
        y[...] = x[:, None]
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        return dy.sum(axis=1, out=ctx.buf("dx", (len(dy), dy.shape[2]), dy.dtype))
