from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example


class HardTanh(Activation):
    """y = x, cut off at `low` and `high`: -1 and 1.

    Backward: dx = dy where low < y < high, else 0, at the kinks too (as in PyTorch).
    Source: Collobert, 2004.
    """

    type: Literal["hard_tanh"] = "hard_tanh"
    low: float = Field(default=-1.0, description="the smallest output")
    high: float = Field(default=1.0, description="the largest output")

    smooth: ClassVar[bool] = False
    aliases: ClassVar = ("hardtanh",)
    examples: ClassVar = (Example({}, (5,)), Example({"low": -3.0, "high": 0.5}, (2, 3)))

    @model_validator(mode="after")
    def _room_between(self) -> Self:
        if self.low >= self.high:
            raise PydanticCustomError("range", "low must be below high", {"hint": "exchange them"})
        return self

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        ctx.xp.maximum(x, self.low, out=out)
        return ctx.xp.minimum(out, self.high, out=out)

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        return ctx.xp.multiply(dy, (y.real > self.low) & (y.real < self.high), out=out)
