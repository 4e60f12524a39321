from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example


class Linear(Activation):
    """y = x, no activation at all: for regression outputs, and where a config must name something.

    Backward: dx = dy.
    """

    type: Literal["linear"] = "linear"
    aliases: ClassVar = ("identity",)
    examples: ClassVar = (Example({}, (5,)),)

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        if out is not x:
            out[...] = x
        return out

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        out[...] = dy
        return out
