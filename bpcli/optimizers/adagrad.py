from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import NonNegativeFloat, PositiveFloat

from bpcli.optimizers.base import Optimizer
from bpcli.spec.base import Example


class Adagrad(Optimizer):
    """s <- s + g²,  w <- w - rate g / (√s + ε).

    Every weight has a rate of its own, which only falls: rare features keep a high one.
    `initial_accumulator` is where s starts. ε is added to the root, and s starts at 0, as in PyTorch; Keras
    adds ε under the root, and starts at 0.1.
    Source: Duchi, Hazan and Singer, 2011.
    """

    type: Literal["adagrad"] = "adagrad"
    lr: PositiveFloat = 1e-2
    eps: PositiveFloat = 1e-10
    initial_accumulator: NonNegativeFloat = 0.0

    slots: ClassVar[tuple[str, ...]] = ("s",)
    examples: ClassVar = (Example({}), Example({"initial_accumulator": 0.1}))

    def prepare(self, s: dict[str, Any]) -> None:
        s["s"].fill(self.initial_accumulator)

    def step(self, w: Any, g: Any, s: dict[str, Any], rate: float, t: int, ctx: Any) -> None:
        xp, square = ctx.xp, s["s"]
        d = ctx.buf("d", w.shape, w.dtype)
        square += xp.multiply(g, g, out=d)
        xp.sqrt(square, out=d)
        d += self.eps
        g /= d
        g *= rate
        w -= g
