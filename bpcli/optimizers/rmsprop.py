from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from bpcli.optimizers.base import Optimizer
from bpcli.spec.base import Example

Share = Annotated[float, Field(ge=0, lt=1)]


class Rmsprop(Optimizer):
    """s <- ρ s + (1 - ρ) g²,  w <- w - rate g / (√s + ε).

    `centered` takes the mean gradient m <- ρ m + (1 - ρ) g out of the square: √(s - m²) + ε (Graves, 2013).
    `momentum` μ: v <- μ v + g / (√s + ε), w <- w - rate v.
    ε is added to the root, as in PyTorch (whose ρ, there alpha, is .99 by default). Keras adds it under the
    root: its default of 1e-7 there holds small gradients back about as much as eps: 3e-4 does here.
    Source: Tieleman and Hinton, 2012.
    """

    type: Literal["rmsprop"] = "rmsprop"
    rho: Share = 0.9
    eps: PositiveFloat = 1e-8
    momentum: Share = 0.0
    centered: bool = False

    examples: ClassVar = (
        Example({}),
        Example({"momentum": 0.9, "rho": 0.99}),
        Example({"centered": True}),
        Example({"centered": True, "momentum": 0.5}),
    )

    def slot_names(self) -> tuple[str, ...]:
        return ("s", *(("m",) if self.centered else ()), *(("v",) if self.momentum else ()))

    def step(self, w: Any, g: Any, s: dict[str, Any], rate: float, t: int, ctx: Any) -> None:
        xp, square = ctx.xp, s["s"]
        d = ctx.buf("d", w.shape, w.dtype)
        xp.multiply(g, 1 - self.rho, out=d)
        m = s["m"] if self.centered else None
        if m is not None:
            m *= self.rho
            m += d
        square *= self.rho
        d *= g
        square += d
        if m is not None:
            xp.multiply(m, m, out=d)
            xp.subtract(square, d, out=d)
            xp.maximum(d, 0, out=d)  # a variance: rounding must not take it below zero
            xp.sqrt(d, out=d)
        else:
            xp.sqrt(square, out=d)
        d += self.eps
        g /= d
        if self.momentum:
            v = s["v"]
            v *= self.momentum
            v += g
            xp.multiply(v, rate, out=g)
        else:
            g *= rate
        w -= g
