from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import NonNegativeFloat

from bpcli.core.cplx import accumulator
from bpcli.regularizers.base import Regularizer
from bpcli.spec.base import Example


class L2(Regularizer):
    """R = ½ λ Σ w², where λ is `rate`; also known as ridge, or weight decay inside the gradient.

    Backward: dR/dw = λ w. Keras leaves out the ½: its l2(λ) is `rate: 2λ` here.
    Source: Tikhonov, 1943; Hoerl and Kennard, 1970.
    """

    type: Literal["l2"] = "l2"
    rate: NonNegativeFloat

    aliases: ClassVar = ("ridge",)
    examples: ClassVar = (Example({"rate": 0.01}, (6,)),)

    def penalty(self, w: Any, ctx: Any) -> tuple[Any, Any]:
        g = ctx.buf("g", w.shape, w.dtype)
        ctx.xp.multiply(w, w, out=g)
        value = 0.5 * self.rate * g.sum(dtype=accumulator(w.dtype)).item()
        return value, ctx.xp.multiply(w, self.rate, out=g)
