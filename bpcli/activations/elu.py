from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from bpcli.activations import _exponential
from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example


class Elu(Activation):
    """y = x where x > 0, else α (eˣ - 1): the exponential linear unit.

    Backward: dx = dy where y > 0, else dy (y + α). With α = 1 the slope has no jump at zero.
    Source: Clevert, Unterthiner and Hochreiter, 2016.
    """

    type: Literal["elu"] = "elu"
    alpha: PositiveFloat = Field(default=1.0, description="-α is the value far below zero")

    examples: ClassVar = (Example({}, (5,)), Example({"alpha": 0.5}, (2, 3)))

    @property
    def smooth(self) -> bool:
        return self.alpha == 1.0

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        return _exponential.forward(x, out, ctx, 1.0, self.alpha)

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        return _exponential.backward(dy, y, out, ctx, 1.0, self.alpha)
