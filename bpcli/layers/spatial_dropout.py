from __future__ import annotations

from typing import ClassVar, Literal

from bpcli.core.store import Decl
from bpcli.layers.base import Shape
from bpcli.layers.dropout import Dropout
from bpcli.spec.base import Example


class SpatialDropout(Dropout):
    """y = x m / (1 - rate) while training, y = x otherwise; m is 0 or 1 for a whole channel of an example.

    Backward: dx = dy m / (1 - rate), with the same m.
    Shapes: x (n, h, w, c) or (n, t, c), unchanged; m has one value for each example and channel.
    Neighbours in an image are much alike: leaving out single values would hide little.
    Source: Tompson, Goroshin, Jain, LeCun and Bregler, 2015.
    """

    type: Literal["spatial_dropout"] = "spatial_dropout"

    examples: ClassVar = (
        Example({"rate": 0.5}, (2, 2, 5)),
        Example({"rate": 0.3}, (3, 4)),
        Example({"rate": 0.0}, (2, 3)),
    )

    def build(self, shape: Shape, decl: Decl) -> Shape:
        if len(shape) < 2:
            raise decl.error(
                f"spatial_dropout leaves out whole channels of images or sequences, and gets {shape}",
                "use dropout",
            )
        return shape

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], *(1,) * (len(shape) - 2), shape[-1])
