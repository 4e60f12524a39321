from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from bpcli.core.ctx import Ctx
from bpcli.core.store import Tree
from bpcli.layers._norm import RowNorm, column_sums, row_means
from bpcli.spec.base import Example


class RmsNorm(RowNorm):
    """y = γ x̂, x̂ = x / √(mean(x²) + eps), the mean over each row's features.

    Backward: dγ = Σ dy x̂, dx = (dŷ - x̂ mean(dŷ x̂)) / √(mean(x²) + eps), dŷ = γ dy.
    Shapes: x (n, ..., c) -> y (n, ..., c); γ (c,). With `axes: k` the last k axes are normalised together,
    and γ has their shape. A layer_norm that leaves the mean alone, and is cheaper by it.
    eps is that of Keras; PyTorch takes the smallest step of the precision, 1.2e-7 in float32.
    Source: Zhang and Sennrich, 2019.
    """

    type: Literal["rms_norm"] = "rms_norm"
    eps: PositiveFloat = Field(default=1e-6, description="added under the root")

    examples: ClassVar = (
        Example({}, (4,)),
        Example({"axes": 2, "eps": 0.01}, (2, 2, 3)),
        Example({"scale": False}, (2, 4)),
    )

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        xp, flat = ctx.xp, self.rows(x)  # (m, c)
        hat = ctx.buf("hat", flat.shape, x.dtype)
        y = ctx.buf("y", x.shape, x.dtype)
        flat_y = y.reshape(flat.shape)
        square = row_means(xp.multiply(flat, flat, out=flat_y), xp)
        inverse = 1.0 / xp.sqrt(square + self.eps)  # (m, 1)
        xp.multiply(flat, inverse, out=hat)
        xp.multiply(hat, self.weights(p, hat.shape[1], hat.dtype, xp), out=flat_y)
        ctx.saved = hat, inverse
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        hat, inverse = ctx.saved
        flat, width = dy.reshape(hat.shape), hat.shape[1]
        product = xp.multiply(flat, hat, out=ctx.buf("product", hat.shape, hat.dtype))
        if self.scale:
            g.gamma.reshape(-1)[...] = column_sums(product, xp)
        if not ctx.need_dx:
            return None
        gamma = self.weights(p, width, hat.dtype, xp)
        with_x = (product @ gamma)[:, None] / width  # mean(dŷ x̂) of each row
        dx = ctx.buf("dx", dy.shape, dy.dtype)
        flat_dx = dx.reshape(hat.shape)
        xp.multiply(flat, gamma, out=flat_dx)
        flat_dx -= xp.multiply(hat, with_x, out=product)
        flat_dx *= inverse
        return dx
