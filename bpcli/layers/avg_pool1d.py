from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from bpcli.core.windows import Axis
from bpcli.layers._avg_pool import AvgPool
from bpcli.layers._window_fields import PoolPadding1d, axis_1d
from bpcli.layers.base import Shape
from bpcli.spec.base import Example


class AvgPool1d(AvgPool):
    """y[n,u,c] = mean_j x[n, u·s + j, c], s the stride.

    Backward: dx = Σ dy / (values in the window) over the windows that a value lies in.
    Shapes: x (n, t, c) -> y (n, u, c); u = ⌊(t + padding - size) / s⌋ + 1: what fills no
    window is left out (floor, Keras `valid`, PyTorch's `ceil_mode: false`); `padding: same` gives ⌈t / s⌉.
    Padding is not counted, as in Keras (`same`); with `count_include_pad` it counts as
    zeros, which is PyTorch's default.
    Source: LeCun, Bottou, Bengio and Haffner, 1998.
    """

    type: Literal["avg_pool1d"] = "avg_pool1d"
    size: PositiveInt = Field(default=2, description="of a window")
    stride: PositiveInt | None = Field(default=None, description="the size, unless another is given")
    padding: PoolPadding1d = "valid"
    count_include_pad: bool = Field(default=False, description="whether padding counts in the mean")

    examples: ClassVar = (
        Example({}, (6, 2)),
        Example({"padding": [1, 0]}, (6, 2)),
        Example({"size": 3, "stride": 2, "padding": "same"}, (5, 3)),
        Example({"size": 3, "count_include_pad": True, "stride": 1, "padding": [2, 1]}, (6, 2)),
    )

    def axes(self, shape: Shape) -> tuple[Axis, ...]:
        stride = self.size if self.stride is None else self.stride
        return (axis_1d(shape, self.size, stride, 1, self.padding),)
