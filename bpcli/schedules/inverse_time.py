from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import PositiveFloat

from bpcli.schedules.base import Clock, Schedule
from bpcli.spec.base import Example


class InverseTime(Schedule):
    """rate = lr / (1 + γ e), where e is the time in epochs: falling a little at every step.

    With `staircase` e counts whole epochs. `gamma` is γ: after 1/γ epochs the rate has halved.
    Source: Robbins and Monro, 1951.
    """

    type: Literal["inverse_time"] = "inverse_time"
    gamma: PositiveFloat = 0.1
    staircase: bool = False

    aliases: ClassVar = ("inverse_time_decay",)
    examples: ClassVar = (Example({}), Example({"gamma": 0.5, "staircase": True, "warmup": 0.1}))

    def factor(self, clock: Clock, lr: float) -> float:
        e = clock.epoch if self.staircase else clock.step / clock.steps_per_epoch
        return 1 / (1 + self.gamma * e)
