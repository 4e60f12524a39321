from __future__ import annotations

from math import sqrt
from typing import Any, ClassVar, Literal

from pydantic import PositiveFloat

from bpcli.optimizers.adam import Beta
from bpcli.optimizers.base import Optimizer
from bpcli.spec.base import Example


class Lamb(Optimizer):
    """r = m̂ / (√v̂ + ε),  w <- w - rate ‖w‖ / ‖r‖ r, the norms taken array by array; m, v as in `adam`.

    Every array moves by a share of its own length, which lets batches be very large. Where ‖w‖ or ‖r‖ is 0,
    their quotient counts as 1. The decay stays outside of r, as for every optimizer here (the paper adds
    λ w to r).
    Source: You et al., 2020: "Large batch optimization for deep learning".
    """

    type: Literal["lamb"] = "lamb"
    beta1: Beta = 0.9
    beta2: Beta = 0.999
    eps: PositiveFloat = 1e-6

    slots: ClassVar[tuple[str, ...]] = ("m", "v")
    scope: ClassVar[Literal["weight", "array", "net"]] = "array"
    examples: ClassVar = (Example({}), Example({"beta1": 0.5, "beta2": 0.9}))

    def step(self, w: Any, g: Any, s: dict[str, Any], rate: float, t: int, ctx: Any) -> None:
        xp, m, v = ctx.xp, s["m"], s["v"]
        r = xp.multiply(g, 1 - self.beta1, out=ctx.buf("r", w.shape, w.dtype))
        m *= self.beta1
        m += r
        g *= g
        g *= 1 - self.beta2
        v *= self.beta2
        v += g
        root = sqrt(1 - self.beta2**t)  # √v̂ + ε = (√v + ε root) / root
        xp.sqrt(v, out=g)
        g += self.eps * root
        xp.divide(m, g, out=r)
        r *= root / (1 - self.beta1**t)
        length, along = sqrt(float(w @ w)), sqrt(float(r @ r))
        r *= rate * (length / along if length and along else 1.0)
        w -= r
