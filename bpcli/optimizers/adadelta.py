from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from bpcli.optimizers.base import Optimizer
from bpcli.spec.base import Example


class Adadelta(Optimizer):
    """s <- ρ s + (1 - ρ) g²,  Δ = √(u + ε) / √(s + ε) g,  u <- ρ u + (1 - ρ) Δ²,  w <- w - rate Δ.

    The step has the units of w, so lr is 1 and needs no tuning. ρ and ε are the paper's; PyTorch has the
    same form, with ρ = .9 by default, and Keras' default lr is .001.
    Source: Zeiler, 2012.
    """

    type: Literal["adadelta"] = "adadelta"
    lr: PositiveFloat = 1.0
    rho: Annotated[float, Field(ge=0, lt=1)] = 0.95
    eps: PositiveFloat = 1e-6

    slots: ClassVar[tuple[str, ...]] = ("s", "u")
    examples: ClassVar = (Example({}), Example({"rho": 0.9, "eps": 1e-4}))

    def step(self, w: Any, g: Any, s: dict[str, Any], rate: float, t: int, ctx: Any) -> None:
        xp, square, moved = ctx.xp, s["s"], s["u"]
        d = xp.multiply(g, g, out=ctx.buf("d", w.shape, w.dtype))
        d *= 1 - self.rho
        square *= self.rho
        square += d
        below = xp.add(square, self.eps, out=ctx.buf("below", w.shape, w.dtype))
        xp.add(moved, self.eps, out=d)
        d /= below
        xp.sqrt(d, out=d)
        g *= d  # Δ
        xp.multiply(g, g, out=d)
        d *= 1 - self.rho
        moved *= self.rho
        moved += d
        g *= rate
        w -= g
