from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import NonNegativeFloat

from bpcli.core.cplx import absolute, accumulator, real
from bpcli.regularizers.base import Regularizer
from bpcli.spec.base import Example


class L1(Regularizer):
    """R = λ Σ |w|, where λ is `rate`; also known as the lasso: it drives weights towards exactly zero.

    Backward: dR/dw = λ sign(w), and 0 at the kink w = 0.
    Source: Tibshirani, 1996.
    """

    type: Literal["l1"] = "l1"
    rate: NonNegativeFloat

    smooth: ClassVar[bool] = False
    aliases: ClassVar = ("lasso",)
    examples: ClassVar = (Example({"rate": 0.01}, (6,)),)

    def penalty(self, w: Any, ctx: Any) -> tuple[Any, Any]:
        xp = ctx.xp
        value = self.rate * absolute(w, xp).sum(dtype=accumulator(w.dtype)).item()
        g = ctx.buf("g", w.shape, w.dtype)
        g[...] = xp.sign(real(w))
        g *= self.rate
        return value, g
