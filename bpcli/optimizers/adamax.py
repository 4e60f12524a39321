from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import PositiveFloat

from bpcli.optimizers.adam import Beta
from bpcli.optimizers.base import Optimizer
from bpcli.spec.base import Example


class Adamax(Optimizer):
    """m <- β₁ m + (1 - β₁) g,  u <- max(β₂ u, |g| + ε),  w <- w - rate / (1 - β₁ᵗ) m / u.

    Adam with the largest gradient of late in place of the root of their mean square. ε stands where PyTorch
    has it; Keras adds it to u.
    Source: Kingma and Ba, 2015, section 7.1.
    """

    type: Literal["adamax"] = "adamax"
    lr: PositiveFloat = 2e-3
    beta1: Beta = 0.9
    beta2: Beta = 0.999
    eps: PositiveFloat = 1e-8

    slots: ClassVar[tuple[str, ...]] = ("m", "u")
    examples: ClassVar = (Example({}), Example({"beta1": 0.5, "beta2": 0.9}))

    def step(self, w: Any, g: Any, s: dict[str, Any], rate: float, t: int, ctx: Any) -> None:
        xp, m, u = ctx.xp, s["m"], s["u"]
        d = xp.multiply(g, 1 - self.beta1, out=ctx.buf("d", w.shape, w.dtype))
        m *= self.beta1
        m += d
        xp.abs(g, out=g)
        g += self.eps
        u *= self.beta2
        xp.maximum(u, g, out=u)
        xp.divide(m, u, out=d)
        d *= rate / (1 - self.beta1**t)
        w -= d
