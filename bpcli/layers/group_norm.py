from __future__ import annotations

from math import prod
from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.initializers.ones import Ones
from bpcli.initializers.zeros import Zeros
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


class GroupNorm(Layer):
    """y = γ x̂ + β, x̂ = (x - μ) / √(σ² + eps), with μ and σ² of each image and each group of channels.

    Backward: dγ = Σ dy x̂, dβ = Σ dy, dx = (dŷ - mean(dŷ) - x̂ mean(dŷ x̂)) / √(σ² + eps), dŷ = γ dy.
    Shapes: x (n, ..., c) -> y (n, ..., c); γ and β (c,). Group i holds the channels from i·c/groups on,
    and is averaged over with all positions. One group of all channels is layer normalisation of an image;
    as many groups as channels are instance normalisation (Ulyanov, Vedaldi and Lempitsky, 2016).
    Nothing is kept between batches. The variance is divided by the count; eps is PyTorch's (Keras has 1e-3).
    Source: Wu and He, 2018.
    """

    type: Literal["group_norm"] = "group_norm"
    groups: PositiveInt = Field(description="how many groups the channels make; it divides their number")
    eps: PositiveFloat = Field(default=1e-5, description="added under the root")
    scale: bool = Field(default=True, description="whether γ is learnt; otherwise it is 1")
    center: bool = Field(default=True, description="whether β is learnt; otherwise it is 0")

    examples: ClassVar = (
        Example({"groups": 2}, (2, 2, 4)),
        Example({"groups": 3, "eps": 0.01}, (4, 3)),
        Example({"groups": 2, "scale": False, "center": False}, (6,)),
    )

    def build(self, shape: Shape, decl: Decl) -> Shape:
        channels = shape[-1] if shape else 0
        if not channels or channels % self.groups:
            fit = ", ".join(str(k) for k in range(1, channels + 1) if channels % k == 0)
            raise decl.error(
                f"{channels} channels do not fall into {self.groups} equal groups",
                f"choose one of {fit}" if fit else None,
                "groups",
            )
        if prod(shape) == self.groups:
            raise decl.error(
                f"group_norm would normalise each number by itself, of {shape}", "use fewer groups", "groups"
            )
        if self.scale:
            decl.param("gamma", (channels,), Ones(), decay=False)
        if self.center:
            decl.param("beta", (channels,), Zeros(), decay=False)
        return shape

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        xp, flat = ctx.xp, x.reshape(len(x), -1, x.shape[-1])  # (n, positions, c)
        hat = ctx.buf("hat", flat.shape, x.dtype)
        y = ctx.buf("y", x.shape, x.dtype)
        flat_y = y.reshape(flat.shape)
        positions = flat.shape[1]
        xp.subtract(flat, self._means(_sums(flat, xp), positions, xp), out=hat)
        var = self._means(_sums(xp.multiply(hat, hat, out=flat_y), xp), positions, xp)
        inverse = 1.0 / xp.sqrt(var + self.eps)  # (n, 1, c)
        hat *= inverse
        if self.scale:
            xp.multiply(hat, p.gamma, out=flat_y)
        else:
            flat_y[...] = hat
        if self.center:
            flat_y += p.beta
        ctx.saved = hat, inverse
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        hat, inverse = ctx.saved
        flat, positions = dy.reshape(hat.shape), hat.shape[1]
        product = xp.multiply(flat, hat, out=ctx.buf("product", hat.shape, hat.dtype))
        with_x, with_dy = _sums(product, xp), _sums(flat, xp)  # (n, 1, c)
        if self.scale:
            with_x.sum(axis=(0, 1), out=g.gamma)
        if self.center:
            with_dy.sum(axis=(0, 1), out=g.beta)
        if not ctx.need_dx:
            return None
        gamma = p.gamma if self.scale else 1.0
        dx = ctx.buf("dx", dy.shape, dy.dtype)
        flat_dx = dx.reshape(hat.shape)
        xp.multiply(flat, gamma * inverse, out=flat_dx)
        flat_dx -= xp.multiply(hat, self._means(with_x * gamma, positions, xp) * inverse, out=product)
        flat_dx -= self._means(with_dy * gamma, positions, xp) * inverse
        return dx

    def _means(self, sums: Any, positions: int, xp: Any) -> Any:
        """The mean of each group, at each of its channels: from the channels' sums over the positions."""
        n, _, c = sums.shape
        size = c // self.groups
        means = sums.reshape(n, self.groups, size).sum(axis=2) / (positions * size)
        return xp.repeat(means, size, axis=1).reshape(n, 1, c)

    def flops(self, shape: Shape, output: Shape) -> int:
        return 4 * prod(output)


def _sums(a: Any, xp: Any) -> Any:
    """The sums (n, 1, c) of a (n, positions, c), by a matrix product."""
    return xp.matmul(xp.ones((1, a.shape[1]), a.dtype), a)
