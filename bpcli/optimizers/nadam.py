from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat

from bpcli.optimizers.adam import Beta
from bpcli.optimizers.base import Optimizer
from bpcli.spec.base import Example


class Nadam(Optimizer):
    """m, v as in `adam`;  w <- w - rate (μₜ₊₁ m / (1 - Πₜ₊₁) + (1 - μₜ) g / (1 - Πₜ)) / (√v̂ + ε).

    Adam that looks ahead by Nesterov's momentum. μₜ = β₁ (1 - ½ 0.96^(t ψ)) rises to β₁, ψ is
    `momentum_decay`, and Πₜ is the product of μ₁ to μₜ. The form and defaults are PyTorch's but for lr,
    which is 2e-3 there.
    Source: Dozat, 2016.
    """

    type: Literal["nadam"] = "nadam"
    beta1: Beta = 0.9
    beta2: Beta = 0.999
    eps: PositiveFloat = 1e-8
    momentum_decay: NonNegativeFloat = Field(default=4e-3, description="how fast the momentum rises: ψ")

    slots: ClassVar[tuple[str, ...]] = ("m", "v")
    examples: ClassVar = (Example({}), Example({"beta1": 0.5, "beta2": 0.9, "momentum_decay": 0.1}))

    def step(self, w: Any, g: Any, s: dict[str, Any], rate: float, t: int, ctx: Any) -> None:
        xp, m, v = ctx.xp, s["m"], s["v"]
        mu, ahead = (_mu(self.beta1, self.momentum_decay, i) for i in (t, t + 1))
        product = _product(self.beta1, self.momentum_decay, t)
        d = xp.multiply(g, 1 - self.beta1, out=ctx.buf("d", w.shape, w.dtype))
        m *= self.beta1
        m += d
        xp.multiply(g, g, out=d)
        d *= 1 - self.beta2
        v *= self.beta2
        v += d
        g *= rate * (1 - mu) / (1 - product)
        xp.multiply(m, rate * ahead / (1 - product * ahead), out=d)
        g += d
        root = (1 - self.beta2**t) ** 0.5  # √v̂ + ε = (√v + ε root) / root
        xp.sqrt(v, out=d)
        d += self.eps * root
        g /= d
        g *= root
        w -= g


def _mu(beta1: float, decay: float, t: int) -> float:
    return beta1 * (1 - 0.5 * 0.96 ** (t * decay))


@lru_cache(maxsize=8)
def _products(beta1: float, decay: float) -> list[float]:
    """The products up to each t, as far as they were asked for: extended in one order, so always the same."""
    return [1.0]


def _product(beta1: float, decay: float, t: int) -> float:
    """μ₁ μ₂ … μₜ, and 0 once it is too small to change 1 - Π."""
    known = _products(beta1, decay)
    while len(known) <= t and known[-1] > 1e-17:
        known.append(known[-1] * _mu(beta1, decay, len(known)))
    return known[t] if t < len(known) else 0.0
