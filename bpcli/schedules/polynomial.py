from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import NonNegativeFloat, PositiveFloat

from bpcli.schedules.base import Clock, Schedule, lowest
from bpcli.spec.base import Example


class Polynomial(Schedule):
    """rate = min_lr + (lr - min_lr) (1 - t/T)^power, from lr down to min_lr.

    t is the step, T the planned number of steps (without the warmup, if there is one). A run that goes on
    beyond its plan stays at min_lr.
    """

    type: Literal["polynomial"] = "polynomial"
    power: PositiveFloat = 2.0
    min_lr: NonNegativeFloat = 0.0

    aliases: ClassVar = ("polynomial_decay",)
    examples: ClassVar = (Example({}), Example({"power": 0.5, "min_lr": 1e-5, "warmup": 0.05}))

    def factor(self, clock: Clock, lr: float) -> float:
        floor = lowest(self.min_lr, lr)
        left = 1 - min(clock.step / clock.horizon, 1.0)
        return floor + (1 - floor) * left**self.power
