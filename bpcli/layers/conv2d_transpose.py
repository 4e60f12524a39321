from __future__ import annotations

from math import prod
from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.core.windows import Axes, Axis
from bpcli.layers._conv import correlate, input_gradient, matrices, weight_gradient
from bpcli.layers._filters import Filters, check_groups
from bpcli.layers._window_fields import Extra2d, Padding2d, Size2d, check_shape, pair, sides
from bpcli.layers.base import Shape
from bpcli.spec.base import Example


class Conv2dTranspose(Filters):
    """y[n, u·s + i·d, v·s + j·d, f] = f(Σ x[n,u,v,c] W[i,j,f,c] + b[f]), summed over what meets there.

    Backward: dz = dy f'(z), dx[n,u,v,c] = Σ_ijf dz[n, u·s + i·d, v·s + j·d, f] W[i,j,f,c],
    dW[i,j,f,c] = Σ_nuv x[n,u,v,c] dz[n, u·s + i·d, v·s + j·d, f], db = Σ dz: forward is what conv2d does to
    its input's gradient, and dx is a conv2d.
    Shapes: x (n, u, v, c) -> y (n, h, w, filters); W (kh, kw, filters/groups, c), b (filters,);
    h = (u - 1)·s + d·(kh - 1) + 1 - padding + output_padding, the padding being what is cut off, as in
    PyTorch. `same` gives h = u·s as in Keras; `valid` cuts nothing (where the stride exceeds the kernel Keras
    adds zeros, we do not). fan_in is kh·kw·c/groups, fan_out kh·kw·filters/groups.
    Source: Zeiler, Krishnan, Taylor and Fergus, 2010; Dumoulin and Visin, 2016.
    """

    type: Literal["conv2d_transpose"] = "conv2d_transpose"
    filters: PositiveInt
    kernel: Size2d
    stride: Size2d = 1
    dilation: Size2d = 1
    groups: PositiveInt = Field(default=1, description="must divide the channels and the filters")
    padding: Padding2d = Field(default="valid", description="what is cut off")
    output_padding: Extra2d = Field(
        default=0, description="rows and columns more at the end, fewer than the stride"
    )

    examples: ClassVar = (
        Example({"filters": 3, "kernel": 3}, (3, 4, 2)),
        Example({"filters": 2, "kernel": 3, "stride": 2, "padding": "same", "activation": "tanh"}, (3, 2, 2)),
        Example(
            {"filters": 4, "kernel": [2, 3], "stride": [2, 3], "padding": [[1, 0], [0, 1]], "groups": 2,
             "output_padding": [1, 2]},
            (3, 2, 2),
        ),
        Example({"filters": 2, "kernel": 2, "dilation": 2, "padding": 1, "bias": False}, (3, 3, 3)),
        Example({"filters": 2, "kernel": 2, "padding": "same", "groups": 2}, (3, 2, 2)),
        Example({"filters": 2, "kernel": 1, "stride": 2}, (2, 3, 2)),
    )  # fmt: skip

    def _axes(self, shape: Shape) -> Axes:
        """The axes of y, on which windows lie, one for each value of x."""
        down, across = (
            _transposed(*each)
            for each in zip(
                shape[-3:-1], pair(self.kernel), pair(self.stride), pair(self.dilation), sides(self.padding),
                pair(self.output_padding), strict=True,
            )
        )  # fmt: skip
        return down, across

    def build(self, shape: Shape, decl: Decl) -> Shape:
        check_shape(decl, self, shape, "hwc")
        check_groups(decl, self, shape[-1], self.filters, self.groups)
        axes = self._axes(shape)
        for a, extra in zip(axes, pair(self.output_padding), strict=True):
            if extra and (extra >= a.stride or self.padding == "same"):
                hint = "it is for telling apart the sizes that a stride rounds to one"
                where = "output_padding"
                raise decl.error("output_padding must be below the stride, and 0 with same", hint, where)
            if a.size < 1:
                cut = a.before + a.after
                raise decl.error(f"a padding of {cut} leaves nothing of {a.padded} values", None, "padding")
        kh, kw = pair(self.kernel)
        W = (kh, kw, self.filters // self.groups, shape[-1])
        area = kh * kw
        self.declare(decl, W, self.filters, fan_in=area * shape[-1] // self.groups, fan_out=area * W[2])
        return (axes[0].size, axes[1].size, self.filters)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        axes = self._axes(x.shape)
        z = ctx.buf("z", (len(x), axes[0].size, axes[1].size, self.filters), x.dtype)
        input_gradient(x, p.W, self.groups, z, axes, ctx.child("z"))
        if self.bias:
            z += p.b
        ctx.saved = x, axes
        return self.activated(z, ctx)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        (x, axes), xp = ctx.saved, ctx.xp
        dz = self.before_activation(dy, ctx)
        weight_gradient(dz, x, g.W, None, self.groups, axes, ctx.child("dx"))
        if self.bias:
            flat = dz.reshape(-1, self.filters)
            xp.matmul(xp.ones(len(flat), flat.dtype), flat, out=g.b)
        if not ctx.need_dx:
            return None
        dx = ctx.buf("dx", x.shape, x.dtype)
        return correlate(dz, matrices(p.W, self.groups), None, dx, axes, ctx.child("dx"))

    def flops(self, shape: Shape, output: Shape) -> int:
        return 2 * prod(pair(self.kernel)) * prod(shape) * self.filters // self.groups


def _transposed(count: int, kernel: int, stride: int, dilation: int, padding: Any, extra: int) -> Axis:
    """The axis on which `count` windows lie."""
    span = (kernel - 1) * dilation + 1
    if padding == "same":
        total = max(span - stride, 0)
        return Axis(count * stride, kernel, stride, dilation, total // 2, total - total // 2)
    before, after = (0, 0) if padding == "valid" else padding
    size = (count - 1) * stride + span - before - after + extra
    return Axis(size, kernel, stride, dilation, before, after)
