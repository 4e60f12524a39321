from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from bpcli.core.windows import Axis
from bpcli.layers._avg_pool import AvgPool
from bpcli.layers._window_fields import Padding2d, Size2d, axes_2d
from bpcli.layers.base import Shape
from bpcli.spec.base import Example


class AvgPool2d(AvgPool):
    """y[n,u,v,c] = mean_ij x[n, u·s + i, v·s + j, c], s the stride.

    Backward: dx = Σ dy / (values in the window) over the windows that a value lies in.
    Shapes: x (n, h, w, c) -> y (n, u, v, c); u = ⌊(h + padding - size) / s⌋ + 1: what fills no
    window is left out (floor, Keras `valid`, PyTorch's `ceil_mode: false`); `padding: same` gives ⌈h / s⌉.
    Padding is not counted, as in Keras (`same`); with `count_include_pad` it counts as
    zeros, which is PyTorch's default.
    Source: LeCun, Bottou, Bengio and Haffner, 1998.
    """

    type: Literal["avg_pool2d"] = "avg_pool2d"
    size: Size2d = Field(default=2, description="of a window")
    stride: Size2d | None = Field(default=None, description="the size, unless another is given")
    padding: Padding2d = "valid"
    count_include_pad: bool = Field(default=False, description="whether padding counts in the mean")

    examples: ClassVar = (
        Example({}, (4, 6, 2)),
        Example({"size": 3, "stride": 2, "padding": "same"}, (5, 4, 2)),
        Example(
            {"size": [2, 3], "count_include_pad": True, "stride": [1, 2], "padding": [[1, 0], [0, 2]]},
            (4, 6, 2),
        ),
        Example({"size": [1, 2], "stride": 3}, (4, 5, 3)),
    )

    def axes(self, shape: Shape) -> tuple[Axis, ...]:
        stride = self.size if self.stride is None else self.stride
        return axes_2d(shape, self.size, stride, 1, self.padding)
