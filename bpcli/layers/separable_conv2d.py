from __future__ import annotations

from math import prod
from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers._depthwise import depthwise, depthwise_backward
from bpcli.layers._filters import Filters
from bpcli.layers._window_fields import Padding2d, Size2d, axes_2d, check_shape, check_windows, pair
from bpcli.layers.base import Shape
from bpcli.spec.base import Example


class SeparableConv2d(Filters):
    """y = f(h W + b), h[n,u,v,k] = Σ_ij x[n, u·s + i·d, v·s + j·d, ⌊k/m⌋] D[i,j,k]: space, then channels.

    Backward: dz = dy f'(z), dW = hᵀ dz, db = Σ dz, dh = dz Wᵀ, dD[i,j,k] = Σ_nuv x dh[n,u,v,k],
    dx = Σ dh D over the windows that a pixel lies in, as in depthwise_conv2d.
    Shapes: x (n, h, w, c) -> y (n, u, v, filters); D (kh, kw, c·m), W (c·m, filters), b (filters,), m the
    multiplier. No bias and no activation in between, as in Keras. `init`, `l1` and `l2` hold for both
    kernels; fan_in is kh·kw for D and c·m for W. Stride, dilation and padding as in conv2d.
    Source: Sifre, 2014; Chollet, 2017.
    """

    type: Literal["separable_conv2d"] = "separable_conv2d"
    filters: PositiveInt
    kernel: Size2d
    multiplier: PositiveInt = Field(default=1, description="depthwise filters for each channel")
    stride: Size2d = 1
    dilation: Size2d = 1
    padding: Padding2d = "valid"

    examples: ClassVar = (
        Example({"filters": 3, "kernel": 3}, (4, 5, 2)),
        Example(
            {"filters": 2, "kernel": 2, "multiplier": 2, "stride": 2, "padding": "same", "l2": 0.1}, (5, 4, 3)
        ),
        Example({"filters": 2, "kernel": 2, "padding": 1, "activation": "tanh", "bias": False}, (3, 3, 2)),
    )

    def build(self, shape: Shape, decl: Decl) -> Shape:
        check_shape(decl, self, shape, "hwc")
        axes = axes_2d(shape, self.kernel, self.stride, self.dilation, self.padding)
        check_windows(decl, self, axes)
        area, inner = prod(pair(self.kernel)), shape[-1] * self.multiplier
        decl.param(
            "D", (*pair(self.kernel), inner), self.init,
            fan_in=area, fan_out=area * self.multiplier, l1=self.l1, l2=self.l2,
        )  # fmt: skip
        self.declare(decl, (inner, self.filters), self.filters, fan_in=inner, fan_out=self.filters)
        return (axes[0].out, axes[1].out, self.filters)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        axes = axes_2d(x.shape, self.kernel, self.stride, self.dilation, self.padding)
        h = ctx.saved = depthwise(x, p.D, None, axes, ctx.child("depthwise"))
        z = ctx.buf("z", (*h.shape[:-1], self.filters), h.dtype)
        ctx.matmul(h.reshape(-1, h.shape[-1]), p.W, z.reshape(-1, self.filters))
        if self.bias:
            z += p.b
        return self.activated(z, ctx)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        h, inner = ctx.saved, ctx.child("depthwise")
        flat = self.before_activation(dy, ctx).reshape(-1, self.filters)
        ctx.matmul(h.reshape(len(flat), -1).T, flat, g.W)
        if self.bias:
            ctx.xp.matmul(ctx.xp.ones(len(flat), flat.dtype), flat, out=g.b)
        dh = ctx.buf("dh", h.shape, h.dtype)
        ctx.matmul(flat, p.W.T, dh.reshape(len(flat), -1))
        inner.need_dx = ctx.need_dx
        return depthwise_backward(dh, p.D, g.D, None, inner)

    def flops(self, shape: Shape, output: Shape) -> int:
        inner = shape[-1] * self.multiplier
        return 2 * prod(output[:2]) * inner * (prod(pair(self.kernel)) + self.filters)
