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


class DepthwiseConv2d(Filters):
    """y[n,u,v,f] = f(Σ_ij x[n, u·s + i·d, v·s + j·d, ⌊f/m⌋] W[i,j,f] + b[f]), m filters for each channel.

    Backward: dz = dy f'(z), dW[i,j,f] = Σ_nuv x[n, u·s + i·d, v·s + j·d, ⌊f/m⌋] dz[n,u,v,f], db = Σ dz,
    dx = Σ dz W over the windows that a pixel lies in and over its channel's filters.
    Shapes: x (n, h, w, c) -> y (n, u, v, c·m); W (kh, kw, c·m), b (c·m,). Keras and PyTorch order the
    filters the same way, channel by channel. fan_in is kh·kw, fan_out kh·kw·m. The same function as conv2d
    with groups: c, filters: c·m. Stride, dilation and padding as in conv2d.
    Source: Sifre, 2014; Howard et al., 2017.
    """

    type: Literal["depthwise_conv2d"] = "depthwise_conv2d"
    kernel: Size2d
    multiplier: PositiveInt = Field(default=1, description="filters for each channel")
    stride: Size2d = 1
    dilation: Size2d = 1
    padding: Padding2d = "valid"

    examples: ClassVar = (
        Example({"kernel": 3}, (4, 5, 2)),
        Example({"kernel": [2, 3], "multiplier": 2, "stride": 2, "padding": "same"}, (5, 4, 3)),
        Example(
            {"kernel": 2, "dilation": 2, "padding": [1, 0], "activation": "tanh", "bias": False}, (3, 4, 2)
        ),
    )

    def build(self, shape: Shape, decl: Decl) -> Shape:
        check_shape(decl, self, shape, "hwc")
        axes = axes_2d(shape, self.kernel, self.stride, self.dilation, self.padding)
        check_windows(decl, self, axes)
        area, filters = prod(pair(self.kernel)), shape[-1] * self.multiplier
        self.declare(
            decl, (*pair(self.kernel), filters), filters, fan_in=area, fan_out=area * self.multiplier
        )
        return (axes[0].out, axes[1].out, filters)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        axes = axes_2d(x.shape, self.kernel, self.stride, self.dilation, self.padding)
        return self.activated(depthwise(x, p.W, self.b(p), axes, ctx), ctx)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        dz = self.before_activation(dy, ctx)
        return depthwise_backward(dz, p.W, g.W, self.b(g), ctx)

    def flops(self, shape: Shape, output: Shape) -> int:
        return 2 * prod(pair(self.kernel)) * prod(output)
