from __future__ import annotations

from math import sqrt
from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from bpcli.schedules.base import Clock, Schedule
from bpcli.spec.base import Example


class InverseSqrt(Schedule):
    """rate = lr √(τ / (τ + t)): ever more slowly down, without an end that must be known.

    t is the step, from the end of the warmup; `timescale` is τ, in steps: after 3τ the rate has halved. With
    a warmup of τ steps it is the transformer's schedule, and lr is its peak.
    Source: Vaswani et al., 2017.
    """

    type: Literal["inverse_sqrt"] = "inverse_sqrt"
    timescale: PositiveInt = Field(description="τ, in steps")

    examples: ClassVar = (Example({"timescale": 20}), Example({"timescale": 5, "warmup": 5}))

    def factor(self, clock: Clock, lr: float) -> float:
        return sqrt(self.timescale / (self.timescale + clock.step))
