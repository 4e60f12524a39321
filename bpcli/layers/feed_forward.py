from __future__ import annotations

from functools import cached_property
from math import prod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from bpcli.activations.base import Activation, activate, activate_backward
from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.initializers.base import Initializer
from bpcli.initializers.zeros import Zeros
from bpcli.layers._norm import column_sums
from bpcli.layers.base import Layer, Shape
from bpcli.layers.dropout import Dropout
from bpcli.spec.base import Example
from bpcli.spec.registry import Named


class FeedForward(Layer):
    """y = f(x W₁ + b₁) W₂ + b₂, two dense layers that give back the width of x, each step by itself.

    Backward: dW₂ = hᵀ dy, db₂ = Σ dy, dz = dy W₂ᵀ f'(z), dW₁ = xᵀ dz, db₁ = Σ dz, dx = dz W₁ᵀ, with
    z = x W₁ + b₁ and h = f(z).
    Shapes: x (n, ..., c) -> y (n, ..., c); W1 (c, units), W2 (units, c). `dropout` leaves out parts of h
    while training. `init`, `l1` and `l2` hold for both.
    Source: Vaswani et al., 2017, section 3.3.
    """

    type: Literal["feed_forward"] = "feed_forward"
    units: PositiveInt | None = Field(default=None, description="the width in between; by default 4c")
    activation: Annotated[Activation, Named("activations")] = Field(default="gelu", validate_default=True)  # pyright: ignore[reportAssignmentType]
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="share of the units in between that are left out"
    )
    init: Annotated[Initializer, Named("initializers")] = Field(
        default="glorot_uniform", validate_default=True
    )  # pyright: ignore[reportAssignmentType]
    l1: NonNegativeFloat = Field(default=0.0, description="adds l1·Σ|W| to the training loss, for both")
    l2: NonNegativeFloat = Field(default=0.0, description="adds ½·l2·ΣW² to the training loss, for both")

    by_pieces: ClassVar[bool] = True
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    examples: ClassVar = (
        Example({}, (3,)),
        Example({"units": 2, "activation": "tanh", "dropout": 0.4, "l2": 0.01}, (3, 4)),
    )

    @cached_property
    def _drop(self) -> Dropout | None:
        return Dropout(rate=self.dropout) if self.dropout else None

    @property
    def smooth(self) -> bool:
        return self.activation.smooth

    def build(self, shape: Shape, decl: Decl) -> Shape:
        if not shape:
            raise decl.error("feed_forward needs at least one feature")
        width = shape[-1]
        units = self._units(width)
        for j, (fan_in, fan_out) in enumerate([(width, units), (units, width)], 1):
            decl.param(
                f"W{j}", (fan_in, fan_out), self.init,
                fan_in=fan_in, fan_out=fan_out, l1=self.l1, l2=self.l2,
            )  # fmt: skip
            decl.param(f"b{j}", (fan_out,), Zeros(), fan_in=fan_in, fan_out=fan_out, decay=False)
        return shape

    def _units(self, width: int) -> int:
        return self.units or 4 * width

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        flat = x.reshape(-1, x.shape[-1])
        z = ctx.buf("z", (len(flat), p.W1.shape[1]), x.dtype)
        ctx.matmul(flat, p.W1, z)
        z += p.b1
        h = activate(self.activation, z, ctx, own=True)
        if self._drop is not None:
            h = self._drop.forward(p, h, ctx.child("dropout"))
        y = ctx.buf("y", x.shape, x.dtype)
        flat_y = y.reshape(flat.shape)
        ctx.matmul(h, p.W2, flat_y)
        flat_y += p.b2
        ctx.saved = flat, h
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        flat, h = ctx.saved
        flat_dy = dy.reshape(flat.shape)
        ctx.matmul(h.T, flat_dy, g.W2)
        g.b2[...] = column_sums(flat_dy, ctx.xp)
        dh = ctx.buf("dh", h.shape, h.dtype)
        ctx.matmul(flat_dy, p.W2.T, dh)
        if self._drop is not None:
            dh = self._drop.backward(p, g, dh, ctx.child("dropout"))
        dz = activate_backward(self.activation, dh, ctx)
        ctx.matmul(flat.T, dz, g.W1)
        g.b1[...] = column_sums(dz, ctx.xp)
        if not ctx.need_dx:
            return None
        dx = ctx.buf("dx", dy.shape, dy.dtype)
        ctx.matmul(dz, p.W1.T, dx.reshape(flat.shape))
        return dx

    def flops(self, shape: Shape, output: Shape) -> int:
        return 4 * prod(output) * self._units(shape[-1])
