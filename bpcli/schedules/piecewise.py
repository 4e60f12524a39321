from __future__ import annotations

from bisect import bisect_right
from typing import ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from bpcli.schedules.base import Clock, Schedule
from bpcli.spec.base import Example, Many


class Piecewise(Schedule):
    """rate = lr fₖ from the k-th of the `boundaries` on, and lr before the first.

    `factors` are the fₖ, one for each boundary, each a multiple of lr itself. Boundaries count epochs, or
    steps (`unit`), from the end of the warmup.
    """

    type: Literal["piecewise"] = "piecewise"
    boundaries: Many[PositiveInt] = Field(description="where the rate changes, in ascending order")
    factors: Many[NonNegativeFloat] = Field(description="the multiple of lr from each boundary on")
    unit: Literal["epochs", "steps"] = "epochs"

    aliases: ClassVar = ("piecewise_constant",)
    examples: ClassVar = (
        Example({"boundaries": [2, 5], "factors": [0.5, 0.1]}),
        Example({"boundaries": [7, 30], "factors": [0.1, 0.3], "unit": "steps", "warmup": 5}),
    )

    @model_validator(mode="after")
    def _one_factor_each(self) -> Self:
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise PydanticCustomError(
                "boundaries", "expected ascending boundaries", {"hint": "for example [30, 60, 90]"}
            )
        if len(self.boundaries) != len(self.factors):
            raise PydanticCustomError(
                "factors",
                "{n} boundaries need {n} factors, and there are {m}",
                {"n": len(self.boundaries), "m": len(self.factors), "hint": "before the first it is lr"},
            )
        return self

    def factor(self, clock: Clock, lr: float) -> float:
        past = bisect_right(self.boundaries, clock.epoch if self.unit == "epochs" else clock.step)
        return self.factors[past - 1] if past else 1.0
