from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt

from bpcli.schedules.base import Clock, Schedule
from bpcli.spec.base import Example


class Step(Schedule):
    """rate = lr γ^⌊n / every⌋, where n counts epochs, or steps.

    `gamma` is γ; `unit` is what `every` counts. n starts at 0 after the warmup.
    """

    type: Literal["step"] = "step"
    every: PositiveInt
    unit: Literal["epochs", "steps"] = "epochs"
    gamma: PositiveFloat = 0.1

    aliases: ClassVar = ("step_decay",)
    examples: ClassVar = (
        Example({"every": 2}),
        Example({"every": 7, "unit": "steps", "gamma": 0.5, "warmup": 5}),
    )

    def factor(self, clock: Clock, lr: float) -> float:
        return self.gamma ** ((clock.epoch if self.unit == "epochs" else clock.step) // self.every)
