from __future__ import annotations

from bisect import bisect_right
from typing import ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from bpcli.schedules.base import Clock, Schedule
from bpcli.spec.base import Example, Many


class Multistep(Schedule):
    """rate = lr γᵏ, where k is how many of the `milestones` are past.

    `gamma` is γ; milestones count epochs, or steps (`unit`), from the end of the warmup.
    """

    type: Literal["multistep"] = "multistep"
    milestones: Many[PositiveInt] = Field(description="where the rate falls, in ascending order")
    unit: Literal["epochs", "steps"] = "epochs"
    gamma: PositiveFloat = 0.1

    aliases: ClassVar = ("multi_step",)
    examples: ClassVar = (
        Example({"milestones": [2, 5]}),
        Example({"milestones": [7, 30, 60], "unit": "steps", "gamma": 0.5, "warmup": 5}),
    )

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.milestones) != sorted(set(self.milestones)):
            raise PydanticCustomError(
                "milestones", "expected ascending milestones", {"hint": "for example [30, 60, 90]"}
            )
        return self

    def factor(self, clock: Clock, lr: float) -> float:
        now = clock.epoch if self.unit == "epochs" else clock.step
        return self.gamma ** bisect_right(self.milestones, now)
