from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.initializers.zeros import Zeros
from bpcli.layers._norm import RowNorm, column_sums, row_means
from bpcli.layers.base import Shape
from bpcli.spec.base import Example


class LayerNorm(RowNorm):
    """y = γ x̂ + β, x̂ = (x - μ) / √(σ² + eps), with mean μ and variance σ² of each row's features.

    Backward: dγ = Σ dy x̂, dβ = Σ dy, dx = (dŷ - mean(dŷ) - x̂ mean(dŷ x̂)) / √(σ² + eps), dŷ = γ dy.
    Shapes: x (n, ..., c) -> y (n, ..., c); γ and β (c,). With `axes: k` the last k axes are normalised
    together, and γ and β have their shape. Nothing is kept between batches: training and evaluation are the
    same. The variance is divided by the count, not by one less; eps is PyTorch's (Keras has 1e-3).
    Source: Ba, Kiros and Hinton, 2016.
    """

    type: Literal["layer_norm"] = "layer_norm"
    center: bool = Field(default=True, description="whether β is learnt; otherwise it is 0")

    examples: ClassVar = (
        Example({}, (4,)),
        Example({"axes": 2, "eps": 0.01}, (2, 2, 3)),
        Example({"scale": False}, (2, 4)),
        Example({"scale": False, "center": False}, (4,)),
    )

    def build(self, shape: Shape, decl: Decl) -> Shape:
        super().build(shape, decl)
        if self.center:
            decl.param("beta", shape[-self.axes :], Zeros(), decay=False)
        return shape

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        xp, flat = ctx.xp, self.rows(x)  # (m, c)
        hat = ctx.buf("hat", flat.shape, x.dtype)
        y = ctx.buf("y", x.shape, x.dtype)
        flat_y = y.reshape(flat.shape)
        xp.subtract(flat, row_means(flat, xp), out=hat)
        var = row_means(xp.multiply(hat, hat, out=flat_y), xp)
        inverse = 1.0 / xp.sqrt(var + self.eps)  # (m, 1)
        hat *= inverse
        if self.scale:
            xp.multiply(hat, p.gamma.reshape(-1), out=flat_y)
        else:
            flat_y[...] = hat
        if self.center:
            flat_y += p.beta.reshape(-1)
        ctx.saved = hat, inverse
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        hat, inverse = ctx.saved
        flat, width = dy.reshape(hat.shape), hat.shape[1]
        product = xp.multiply(flat, hat, out=ctx.buf("product", hat.shape, hat.dtype))
        if self.scale:
            g.gamma.reshape(-1)[...] = column_sums(product, xp)
        if self.center:
            g.beta.reshape(-1)[...] = column_sums(flat, xp)
        if not ctx.need_dx:
            return None
        gamma = self.weights(p, width, hat.dtype, xp)
        with_x = (product @ gamma)[:, None] / width  # mean(dŷ x̂) of each row
        with_dy = (flat @ gamma)[:, None] / width
        dx = ctx.buf("dx", dy.shape, dy.dtype)
        flat_dx = dx.reshape(hat.shape)
        xp.multiply(flat, gamma, out=flat_dx)
        flat_dx -= xp.multiply(hat, with_x, out=product)
        flat_dx -= with_dy
        flat_dx *= inverse
        return dx
