from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from bpcli.core.windows import Axis
from bpcli.layers._max_pool import MaxPool
from bpcli.layers._window_fields import PoolPadding1d, axis_1d
from bpcli.layers.base import Shape
from bpcli.spec.base import Example


class MaxPool1d(MaxPool):
    """y[n,u,c] = max_j x[n, u·s + j·d, c], s the stride and d the dilation.

    Backward: dx = Σ dy over the windows in which a value is the largest; of equal ones the first takes all,
    as in PyTorch.
    Shapes: x (n, t, c) -> y (n, u, c); u = ⌊(t + padding - d·(size - 1) - 1) / s⌋ + 1: what fills no
    window is left out (floor, Keras `valid`, PyTorch's `ceil_mode: false`); `padding: same` gives ⌈t / s⌉.
    Padding is never the largest.
    Source: Zhou and Chellappa, 1988; Riesenhuber and Poggio, 1999.
    """

    type: Literal["max_pool1d"] = "max_pool1d"
    size: PositiveInt = Field(default=2, description="of a window")
    stride: PositiveInt | None = Field(default=None, description="the size, unless another is given")
    dilation: PositiveInt = 1
    padding: PoolPadding1d = "valid"

    examples: ClassVar = (
        Example({}, (6, 2)),
        Example({"padding": [1, 0]}, (6, 2)),
        Example({"size": 3, "stride": 2, "padding": "same"}, (5, 3)),
        Example({"size": 3, "dilation": 2, "stride": 1, "padding": [2, 1]}, (6, 2)),
    )

    def axes(self, shape: Shape) -> tuple[Axis, ...]:
        stride = self.size if self.stride is None else self.stride
        return (axis_1d(shape, self.size, stride, self.dilation, self.padding),)
