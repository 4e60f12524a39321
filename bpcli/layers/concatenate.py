from __future__ import annotations

from itertools import accumulate
from typing import Any, ClassVar, Literal

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers._masks import met
from bpcli.layers._merge import Merge
from bpcli.layers.base import Shape
from bpcli.spec.base import Example


class Concatenate(Merge):
    """y = [x₁, x₂, …] along the last axis, the features or channels of several layers side by side.

    Backward: each dxᵢ is its part of dy.
    Shapes: inputs (n, ..., c₁), (n, ..., c₂), … -> y (n, ..., c₁ + c₂ + …), all axes but the last the same.
    """

    type: Literal["concatenate"] = "concatenate"
    examples: ClassVar = (
        Example({}, ((3,), (4,))),
        Example({}, ((2, 2), (2, 1), (2, 3))),
    )

    def joined(self, shapes: Shape, decl: Decl) -> Shape:
        if not shapes[0] or any(shape[:-1] != shapes[0][:-1] or not shape for shape in shapes):
            told = ", ".join(map(str, shapes))
            raise decl.error(
                f"concatenate needs shapes that differ in the last axis only, and gets {told}",
                "let the branches end in one height and width, or flatten them",
            )
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        ctx.mask = met(ctx.masks, ctx)
        ctx.saved = widths = [part.shape[-1] for part in x]
        y = ctx.buf("y", (*x[0].shape[:-1], sum(widths)), x[0].dtype)
        for part, columns in zip(x, _columns(widths), strict=True):
            y[..., columns] = part
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        dxs = list[Any]()
        for i, columns in enumerate(_columns(ctx.saved)):  # copied: what comes next is fast on whole arrays
            dx = ctx.buf(f"dx{i}", (*dy.shape[:-1], columns.stop - columns.start), dy.dtype)
            dx[...] = dy[..., columns]
            dxs.append(dx)
        return tuple(dxs)


def _columns(widths: list[int]) -> list[slice]:
    return [slice(stop - width, stop) for width, stop in zip(widths, accumulate(widths), strict=True)]
