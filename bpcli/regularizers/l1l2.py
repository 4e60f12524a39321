from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import NonNegativeFloat

from bpcli.regularizers.base import Regularizer
from bpcli.regularizers.l1 import L1
from bpcli.regularizers.l2 import L2
from bpcli.spec.base import Example


class L1L2(Regularizer):
    """R = λ₁ Σ |w| + ½ λ₂ Σ w², where λ₁ is `l1` and λ₂ is `l2`; also known as the elastic net.

    Backward: dR/dw = λ₁ sign(w) + λ₂ w, with sign(0) = 0.
    Source: Zou and Hastie, 2005.
    """

    type: Literal["l1l2"] = "l1l2"
    l1: NonNegativeFloat
    l2: NonNegativeFloat

    smooth: ClassVar[bool] = False
    aliases: ClassVar = ("l1_l2", "elastic_net")
    examples: ClassVar = (Example({"l1": 0.01, "l2": 0.1}, (6,)),)

    def penalty(self, w: Any, ctx: Any) -> tuple[Any, Any]:
        absolute, g = L1(rate=self.l1).penalty(w, ctx.child("l1"))
        square, dw = L2(rate=self.l2).penalty(w, ctx.child("l2"))
        g += dw
        return absolute + square, g
