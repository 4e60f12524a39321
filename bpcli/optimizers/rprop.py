from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, model_validator
from pydantic_core import PydanticCustomError

from bpcli.optimizers.base import Optimizer
from bpcli.spec.base import Example


class Rprop(Optimizer):
    """η <- η⁺ η where g keeps its sign, η⁻ η where it turns;  w <- w - rate η sign(g), not where it turned.

    Each weight has a step of its own, of which η, from 1, is the multiple of the rate: within `smallest` and
    `largest`. Only the signs of gradients count, so they must be those of the whole training part: set
    data.batch_size to it. In PyTorch the bounds are absolute (1e-6 and 50), and the rate is the first step
    only.
    Source: Riedmiller and Braun, 1993; this variant, without backtracking: Igel and Hüsken, 2000 (iRprop-).
    """

    type: Literal["rprop"] = "rprop"
    lr: PositiveFloat = 1e-2
    grow: Annotated[float, Field(gt=1, description="η⁺")] = 1.2
    shrink: Annotated[float, Field(gt=0, lt=1, description="η⁻")] = 0.5
    smallest: PositiveFloat = 1e-4
    largest: PositiveFloat = 5e3

    slots: ClassVar[tuple[str, ...]] = ("eta", "g")
    examples: ClassVar = (Example({}), Example({"grow": 1.1, "shrink": 0.7}))

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if not self.smallest <= 1 <= self.largest:
            raise PydanticCustomError(
                "bounds", "smallest and largest must have 1 between them", {"hint": "steps begin at the rate"}
            )
        return self

    def prepare(self, s: dict[str, Any]) -> None:
        s["eta"].fill(1.0)

    def step(self, w: Any, g: Any, s: dict[str, Any], rate: float, t: int, ctx: Any) -> None:
        xp, eta, before = ctx.xp, s["eta"], s["g"]
        turn = xp.multiply(g, before, out=ctx.buf("turn", w.shape, w.dtype))
        xp.sign(turn, out=turn)
        factor = ctx.buf("factor", w.shape, w.dtype)
        factor[...] = 1
        xp.copyto(factor, self.grow, where=turn > 0)
        xp.copyto(factor, self.shrink, where=turn < 0)
        eta *= factor
        xp.clip(eta, self.smallest, self.largest, out=eta)
        xp.copyto(g, 0, where=turn < 0)
        before[...] = g
        xp.sign(g, out=g)
        g *= eta
        g *= rate
        w -= g
