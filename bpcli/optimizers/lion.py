from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import PositiveFloat

from bpcli.optimizers.adam import Beta
from bpcli.optimizers.base import Optimizer
from bpcli.spec.base import Example


class Lion(Optimizer):
    """w <- w - rate sign(β₁ m + (1 - β₁) g),  m <- β₂ m + (1 - β₂) g: every weight moves by the rate.

    Its lr is to be three to ten times smaller than Adam's, and its weight_decay as many times larger.
    Source: Chen et al., 2023: "Symbolic discovery of optimization algorithms".
    """

    type: Literal["lion"] = "lion"
    lr: PositiveFloat = 1e-4
    beta1: Beta = 0.9
    beta2: Beta = 0.99

    slots: ClassVar[tuple[str, ...]] = ("m",)
    examples: ClassVar = (Example({}), Example({"beta1": 0.5, "beta2": 0.9}))

    def step(self, w: Any, g: Any, s: dict[str, Any], rate: float, t: int, ctx: Any) -> None:
        xp, m = ctx.xp, s["m"]
        d = xp.subtract(g, m, out=ctx.buf("d", w.shape, w.dtype))
        d *= 1 - self.beta1
        d += m
        xp.sign(d, out=d)
        d *= rate
        w -= d
        g -= m
        g *= 1 - self.beta2
        m += g
