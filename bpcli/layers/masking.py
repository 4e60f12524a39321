from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers._masks import blanked
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


class Masking(Layer):
    """y = x, and a mask that leaves out the steps whose features are all `mask_value`; there y = 0.

    Backward: dx = dy, 0 at the steps that are left out.
    Shapes: x (n, t, ...) -> y (n, t, ...). The steps that are left out may stand anywhere; a mask that x has
    already goes on to hold.
    """

    type: Literal["masking"] = "masking"
    mask_value: float = 0.0

    by_pieces: ClassVar[bool] = True
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "make"
    examples: ClassVar = (Example({}, (4, 3)), Example({"mask_value": -1.0}, (3, 2, 2)))

    def build(self, shape: Shape, decl: Decl) -> Shape:
        if len(shape) < 2:
            raise decl.error(
                f"masking is for sequences, (steps, features), and gets {shape}",
                "an embedding masks symbols, with mask_zero: true",
            )
        return shape

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        xp, values = ctx.xp, real(x)
        other = xp.not_equal(values, values.dtype.type(self.mask_value), out=ctx.buf("other", x.shape, bool))
        some = xp.any(other.reshape(*x.shape[:2], -1), axis=2, out=ctx.buf("mask", x.shape[:2], bool))
        ctx.mask = ctx.saved = some if ctx.mask is None else xp.logical_and(some, ctx.mask, out=some)
        return blanked(x, ctx.mask, "y", ctx)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        return blanked(dy, ctx.saved, "dx", ctx) if ctx.need_dx else None
