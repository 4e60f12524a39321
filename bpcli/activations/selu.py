from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.activations import _exponential
from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.spec.base import Example

# The fixed point at which a unit's output keeps mean 0 and variance 1 (Klambauer et al., equation 14).
_ALPHA = 1.6732632423543772
_SCALE = 1.0507009873554805


class Selu(Activation):
    """y = λx where x > 0, else λα (eˣ - 1), with λ = 1.0507 and α = 1.6733: the self-normalizing unit.

    Backward: dx = λ dy where y > 0, else dy (y + λα); at the kink x = 0 it is λα dy.
    Goes with `init: lecun_normal`; the signal then keeps mean 0 and variance 1 through many layers.
    Source: Klambauer, Unterthiner, Mayr and Hochreiter, 2017.
    """

    type: Literal["selu"] = "selu"
    smooth: ClassVar[bool] = False
    examples: ClassVar = (Example({}, (5,)),)

    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        return _exponential.forward(x, out, ctx, _SCALE, _ALPHA)

    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        return _exponential.backward(dy, y, out, ctx, _SCALE, _ALPHA)
