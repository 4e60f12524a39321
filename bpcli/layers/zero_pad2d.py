from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.core.windows import Axes, pad
from bpcli.layers._window_fields import Border2d, axes_2d, check_shape
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


class ZeroPad2d(Layer):
    """y = x with rows and columns of zeros around it.

    Backward: dx = dy without them.
    Shapes: x (n, h, w, c) -> y (n, top + h + bottom, left + w + right, c).
    """

    type: Literal["zero_pad2d"] = "zero_pad2d"
    padding: Border2d = 1

    examples: ClassVar = (
        Example({}, (2, 3, 2)),
        Example({"padding": [0, 2]}, (2, 2, 1)),
        Example({"padding": [[1, 0], [2, 3]]}, (3, 2, 2)),
    )

    def _axes(self, shape: Shape) -> Axes:
        return axes_2d(shape, 1, padding=self.padding)

    def build(self, shape: Shape, decl: Decl) -> Shape:
        check_shape(decl, self, shape, "hwc")
        return (*(a.padded for a in self._axes(shape)), shape[-1])

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        ctx.saved = h, w = self._axes(x.shape)
        y = ctx.buf("y", (len(x), h.padded, w.padded, x.shape[-1]), x.dtype)
        return pad(x, (h, w), y.reshape(-1))

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        h, w = ctx.saved
        dx = ctx.buf("dx", (len(dy), h.size, w.size, dy.shape[-1]), dy.dtype)
        dx[...] = dy[:, h.inside, w.inside]
        return dx
