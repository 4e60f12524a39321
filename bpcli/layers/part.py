from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import NonNegativeInt

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree, is_several
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


class Part(Layer):
    """y = xₖ, one of several: k is `index`, counted from 0.

    Backward: dxₖ = dy; the others get nothing from here.
    Shapes: a tuple of inputs -> y, as that one is. Of a recurrent layer with return_sequences and
    return_state, part 0 is the sequence, with its mask, and part 1 the state.
    """

    type: Literal["part"] = "part"
    index: NonNegativeInt

    several: ClassVar[bool] = True
    passes_on: ClassVar[bool] = True
    by_pieces: ClassVar[bool] = True
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    examples: ClassVar = (Example({"index": 1}, ((3,), (2, 2))),)

    def build(self, shape: Shape, decl: Decl) -> Shape:
        if not is_several(shape):
            raise decl.error(
                "part takes one of several inputs, and gets one alone",
                "name a layer that gives several, such as an lstm with return_sequences and return_state",
            )
        if self.index >= len(shape):
            raise decl.error(f"there are {len(shape)} parts, counted from 0", None, "index")
        each = decl.plan.masked_each
        own = len(each) == len(shape)  # else one mask for all, which is the first one's
        decl.plan.masked = each[self.index] if own else decl.plan.masked and self.index == 0
        return shape[self.index]

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        if len(ctx.masks) == len(x):
            ctx.mask = ctx.masks[self.index]
        elif self.index:
            ctx.mask = None
        ctx.saved = len(x)
        return x[self.index]

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        return tuple(dy if k == self.index else None for k in range(ctx.saved))
