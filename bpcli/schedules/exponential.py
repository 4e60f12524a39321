from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bpcli.schedules.base import Clock, Schedule
from bpcli.spec.base import Example


class Exponential(Schedule):
    """rate = lr γ^e, where e is the time in epochs: falling a little at every step.

    With `staircase` e counts whole epochs, so that the rate changes only between them. `gamma` is γ, the
    factor of one epoch.
    """

    type: Literal["exponential"] = "exponential"
    gamma: Annotated[float, Field(gt=0, le=1)]
    staircase: bool = False

    aliases: ClassVar = ("exponential_decay",)
    examples: ClassVar = (Example({"gamma": 0.9}), Example({"gamma": 0.5, "staircase": True, "warmup": 0.1}))

    def factor(self, clock: Clock, lr: float) -> float:
        return self.gamma ** (clock.epoch if self.staircase else clock.step / clock.steps_per_epoch)
