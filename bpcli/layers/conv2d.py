from __future__ import annotations

from math import prod
from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers._conv import convolve, convolve_backward
from bpcli.layers._filters import Filters, check_groups
from bpcli.layers._window_fields import Padding2d, Size2d, axes_2d, check_shape, check_windows, pair
from bpcli.layers.base import Shape
from bpcli.spec.base import Example


class Conv2d(Filters):
    """y[n,u,v,f] = f(Σ_ijc x[n, u·s + i·d, v·s + j·d, c] W[i,j,c,f] + b[f]), s the stride, d the dilation.

    Backward: dz = dy f'(z), dW[i,j,c,f] = Σ_nuv x[n, u·s + i·d, v·s + j·d, c] dz[n,u,v,f], db = Σ dz,
    dx = Σ dz Wᵀ over the windows that a pixel lies in: for s = 1, dz correlated with W turned by 180°.
    Shapes: x (n, h, w, c) -> y (n, u, v, filters); W (kh, kw, c/groups, filters), b (filters,);
    u = ⌊(h + padding - d·(kh - 1) - 1) / s⌋ + 1. Filters in a group see the channels of that group only;
    fan_in is kh·kw·c/groups, fan_out kh·kw·filters/groups.
    `padding: same` gives u = ⌈h / s⌉ with the odd row and column of zeros at the end, as in Keras. PyTorch
    has it for stride 1 only: there `padding: 1` with stride 2 gives other windows. `valid` is no padding.
    Source: LeCun et al., 1989; dilation: Yu and Koltun, 2016; groups: Krizhevsky et al., 2012.
    """

    type: Literal["conv2d"] = "conv2d"
    filters: PositiveInt
    kernel: Size2d
    stride: Size2d = 1
    dilation: Size2d = 1
    groups: PositiveInt = Field(default=1, description="must divide the channels and the filters")
    padding: Padding2d = "valid"

    examples: ClassVar = (
        Example({"filters": 3, "kernel": 3}, (5, 4, 2)),
        Example({"filters": 4, "kernel": [2, 3], "stride": 2, "padding": "same", "groups": 2}, (5, 6, 2)),
        Example({"filters": 2, "kernel": 2, "dilation": 2, "padding": 1, "activation": "tanh"}, (4, 4, 9)),
        Example(
            {"filters": 4, "kernel": 3, "padding": [[2, 0], [1, 3]], "groups": 4, "bias": False}, (4, 3, 4)
        ),
        Example({"filters": 3, "kernel": 1, "activation": "relu"}, (2, 3, 4)),
        Example({"filters": 2, "kernel": 1, "stride": 2, "padding": 1, "l2": 0.01}, (4, 3, 2)),
    )

    def build(self, shape: Shape, decl: Decl) -> Shape:
        check_shape(decl, self, shape, "hwc")
        axes = axes_2d(shape, self.kernel, self.stride, self.dilation, self.padding)
        check_windows(decl, self, axes)
        check_groups(decl, self, shape[-1], self.filters, self.groups)
        kh, kw = pair(self.kernel)
        W = (kh, kw, shape[-1] // self.groups, self.filters)
        self.declare(decl, W, self.filters, fan_in=prod(W[:3]), fan_out=kh * kw * self.filters // self.groups)
        return (axes[0].out, axes[1].out, self.filters)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        axes = axes_2d(x.shape, self.kernel, self.stride, self.dilation, self.padding)
        ctx.saved = x, axes
        return self.activated(convolve(x, p.W, self.b(p), self.groups, axes, ctx), ctx)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        x, axes = ctx.saved
        dz = self.before_activation(dy, ctx)
        return convolve_backward(x, dz, p.W, g.W, self.b(g), self.groups, axes, ctx)

    def flops(self, shape: Shape, output: Shape) -> int:
        return 2 * prod(pair(self.kernel)) * shape[-1] // self.groups * prod(output)
