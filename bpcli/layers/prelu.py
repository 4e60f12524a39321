from __future__ import annotations

from math import prod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.initializers.base import Initializer
from bpcli.initializers.constant import Constant
from bpcli.layers._norm import column_sums
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example
from bpcli.spec.registry import Named


class Prelu(Layer):
    """y = max(x, 0) + a min(x, 0), with a slope a below zero that each channel learns.

    Backward: da = Σ dy min(x, 0), dx = dy where x > 0, else a dy; at the kink x = 0 it is a dy.
    Shapes: x (n, ..., c) -> y (n, ..., c); a (c,), which starts at .25 and is not decayed, as a decay would
    push it towards relu. PyTorch's PReLU(c); that of Keras starts at 0 and has a slope for each position.
    Source: He, Zhang, Ren and Sun, 2015.
    """

    type: Literal["prelu"] = "prelu"
    init: Annotated[Initializer, Named("initializers")] = Field(default=Constant(value=0.25))

    smooth: ClassVar[bool] = False
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    by_pieces: ClassVar[bool] = True
    examples: ClassVar = (
        Example({}, (4,)),
        Example({"init": {"type": "uniform", "low": -0.5, "high": 1.5}}, (2, 2, 3)),
    )

    def build(self, shape: Shape, decl: Decl) -> Shape:
        if not shape:
            raise decl.error("prelu needs at least one channel", "put a layer with features before it")
        decl.param("a", (shape[-1],), self.init, decay=False)
        return shape

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        y = xp.maximum(x, 0, out=ctx.buf("y", x.shape, x.dtype))
        low = xp.subtract(x, y, out=ctx.buf("low", x.shape, x.dtype))  # min(x, 0)
        y += xp.multiply(low, p.a, out=ctx.buf("scratch", x.shape, x.dtype))
        ctx.saved = x, low
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        x, low = ctx.saved
        with_low = xp.multiply(dy, low, out=ctx.buf("scratch", dy.shape, dy.dtype))
        g.a[...] = column_sums(with_low.reshape(-1, dy.shape[-1]), xp)
        if not ctx.need_dx:
            return None
        dx = ctx.buf("dx", dy.shape, dy.dtype)
        xp.greater(x.real, 0, out=dx)  # 1 or 0, from which the slope is 1 or a: faster than choosing
        dx *= 1.0 - p.a
        dx += p.a
        dx *= dy
        return dx

    def flops(self, shape: Shape, output: Shape) -> int:
        return 2 * prod(output)
