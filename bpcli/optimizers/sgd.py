from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, model_validator
from pydantic_core import PydanticCustomError

from bpcli.optimizers.base import Optimizer
from bpcli.spec.base import Example


class Sgd(Optimizer):
    """w <- w - rate g; with momentum μ: v <- μ v + g, w <- w - rate v; Nesterov: w <- w - rate (g + μ v).

    The rate stands outside of the velocity v, as in PyTorch; Keras keeps it inside, which is the same until
    a schedule changes it.
    Source: Robbins and Monro, 1951; Polyak, 1964; Nesterov, 1983, in the form of Sutskever et al., 2013.
    """

    type: Literal["sgd"] = "sgd"
    lr: PositiveFloat = 1e-2
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    nesterov: bool = False

    examples: ClassVar = (
        Example({}),
        Example({"momentum": 0.9}),
        Example({"momentum": 0.9, "nesterov": True}),
    )

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise PydanticCustomError(
                "nesterov", "nesterov needs momentum", {"hint": "add momentum: 0.9, or remove nesterov"}
            )
        return self

    def slot_names(self) -> tuple[str, ...]:
        return ("v",) if self.momentum else ()

    def step(self, w: Any, g: Any, s: dict[str, Any], rate: float, t: int, ctx: Any) -> None:
        if self.momentum:
            v = s["v"]
            v *= self.momentum
            v += g
            if self.nesterov:
                g *= rate
                w -= g
                rate *= self.momentum
            ctx.xp.multiply(v, rate, out=g)
        else:
            g *= rate
        w -= g
