from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from bpcli.core.windows import Axis
from bpcli.layers._max_pool import MaxPool
from bpcli.layers._window_fields import Padding2d, Size2d, axes_2d
from bpcli.layers.base import Shape
from bpcli.spec.base import Example


class MaxPool2d(MaxPool):
    """y[n,u,v,c] = max_ij x[n, u·s + i·d, v·s + j·d, c], s the stride and d the dilation.

    Backward: dx = Σ dy over the windows in which a value is the largest; of equal ones the first takes all,
    row by row, as in PyTorch.
    Shapes: x (n, h, w, c) -> y (n, u, v, c); u = ⌊(h + padding - d·(size - 1) - 1) / s⌋ + 1: what fills no
    window is left out (floor, Keras `valid`, PyTorch's `ceil_mode: false`); `padding: same` gives ⌈h / s⌉.
    Padding is never the largest.
    Source: Zhou and Chellappa, 1988; Riesenhuber and Poggio, 1999.
    """

    type: Literal["max_pool2d"] = "max_pool2d"
    size: Size2d = Field(default=2, description="of a window")
    stride: Size2d | None = Field(default=None, description="the size, unless another is given")
    dilation: Size2d = 1
    padding: Padding2d = "valid"

    examples: ClassVar = (
        Example({}, (4, 6, 2)),
        Example({"size": 3, "stride": 2, "padding": "same"}, (5, 4, 2)),
        Example({"size": [2, 3], "dilation": 2, "stride": [1, 2], "padding": [[1, 0], [0, 2]]}, (4, 6, 2)),
        Example({"size": [1, 2], "stride": 3}, (4, 5, 3)),
    )

    def axes(self, shape: Shape) -> tuple[Axis, ...]:
        stride = self.size if self.stride is None else self.stride
        return axes_2d(shape, self.size, stride, self.dilation, self.padding)
