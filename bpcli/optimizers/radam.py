from __future__ import annotations

from math import sqrt
from typing import Any, ClassVar, Literal

from pydantic import PositiveFloat

from bpcli.optimizers.adam import Beta
from bpcli.optimizers.base import Optimizer
from bpcli.spec.base import Example


class Radam(Optimizer):
    """m, v as in `adam`;  w <- w - rate r m̂ / √v̂ once the variance of √v̂ can be told, before it w - rate m̂.

    r = √((ρₜ - 4)(ρₜ - 2) ρ / ((ρ - 4)(ρ - 2) ρₜ)), ρ = 2 / (1 - β₂) - 1, ρₜ = ρ - 2 t β₂ᵗ / (1 - β₂ᵗ): a
    warmup of its own, from the sixth step or so on (ρₜ > 5). ε is added to √v before its correction, as in
    PyTorch.
    Source: Liu, Jiang, He, Chen, Liu, Gao and Han, 2020.
    """

    type: Literal["radam"] = "radam"
    beta1: Beta = 0.9
    beta2: Beta = 0.999
    eps: PositiveFloat = 1e-8

    slots: ClassVar[tuple[str, ...]] = ("m", "v")
    examples: ClassVar = (Example({}), Example({"beta1": 0.5, "beta2": 0.9}))

    def step(self, w: Any, g: Any, s: dict[str, Any], rate: float, t: int, ctx: Any) -> None:
        xp, m, v = ctx.xp, s["m"], s["v"]
        d = xp.multiply(g, 1 - self.beta1, out=ctx.buf("d", w.shape, w.dtype))
        m *= self.beta1
        m += d
        g *= g
        g *= 1 - self.beta2
        v *= self.beta2
        v += g
        rate /= 1 - self.beta1**t
        r = self.rectification(t)
        if r is None:
            xp.multiply(m, rate, out=d)
        else:
            xp.sqrt(v, out=g)
            g += self.eps
            xp.divide(m, g, out=d)
            d *= rate * r * sqrt(1 - self.beta2**t)
        w -= d

    def rectification(self, t: int) -> float | None:
        """r of step t, or None while there are too few gradients to tell."""
        whole = 2 / (1 - self.beta2) - 1
        now = whole - 2 * t * self.beta2**t / (1 - self.beta2**t)
        if now <= 5:
            return None
        return sqrt((now - 4) * (now - 2) * whole / ((whole - 4) * (whole - 2) * now))
