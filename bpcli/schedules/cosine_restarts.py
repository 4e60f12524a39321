from __future__ import annotations

from math import cos, pi
from typing import ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from bpcli.schedules.base import Clock, Schedule, lowest
from bpcli.spec.base import Example


class CosineRestarts(Schedule):
    """rate = min_lr + ½ (lr - min_lr) (1 + cos(π t / T)), half cosines that begin anew at lr (SGDR).

    The first takes `first` epochs, or steps (`unit`), and each one `growth` times as long as the one before.
    t and T count within the present one.
    Source: Loshchilov and Hutter, 2017.
    """

    type: Literal["cosine_restarts"] = "cosine_restarts"
    first: PositiveInt = Field(description="the length of the first cosine")
    unit: Literal["epochs", "steps"] = "epochs"
    growth: PositiveInt = Field(default=1, description="how many times as long the next one is")
    min_lr: NonNegativeFloat = 0.0

    aliases: ClassVar = ("cosine_annealing_warm_restarts", "sgdr")
    examples: ClassVar = (
        Example({"first": 2}),
        Example({"first": 7, "unit": "steps", "growth": 2, "min_lr": 1e-5, "warmup": 5}),
    )

    def factor(self, clock: Clock, lr: float) -> float:
        floor = lowest(self.min_lr, lr)
        length = self.first * (clock.steps_per_epoch if self.unit == "epochs" else 1)
        t = clock.step
        if self.growth == 1:
            t %= length
        while t >= length:
            t -= length
            length *= self.growth
        return floor + (1 - floor) * 0.5 * (1 + cos(pi * t / length))
