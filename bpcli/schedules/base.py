"""A schedule: the learning rate as a pure function of how far training has come."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, NonNegativeFloat
from pydantic_core import PydanticCustomError

from bpcli.spec.base import Component


def _share(value: Any) -> Any:
    """A share such as 5% as a number; a number of steps must be whole."""
    if isinstance(value, str):
        number = value.strip().removesuffix("%").rstrip()
        if "%" in value and number.replace(".", "", 1).isdigit() and float(number) < 100:
            return float(number) / 100.0
    elif not isinstance(value, float) or value < 1 or value == round(value):
        return value
    raise PydanticCustomError(
        "share",
        "expected a whole number of steps, or a share below 1",
        {"hint": "write a number of steps, or a share such as 5%"},
    )


@dataclass(frozen=True, slots=True)
class Clock:
    """Where training is: `step` counts from 0; `horizon` is the run's planned number of steps."""

    step: int
    steps_per_epoch: int
    horizon: int

    @property
    def epoch(self) -> int:
        """Whole epochs, from 0."""
        return self.step // self.steps_per_epoch


class Schedule(Component):
    """rate = lr · warmup(step) · factor(step).

    `warmup`: a number of steps, or a share of the horizon below 1 (also written 5%), over which the rate
    rises linearly from lr/steps to lr; the factor's own clock starts after it.
    """

    warmup: Annotated[NonNegativeFloat, BeforeValidator(_share)] = 0.0

    def rate(self, lr: float, clock: Clock) -> float:
        """The learning rate of this step. BuildError where the schedule does not fit lr."""
        steps = self.warmup_steps(clock)
        if clock.step < steps:
            return lr * (clock.step + 1) / steps
        after = Clock(clock.step - steps, clock.steps_per_epoch, max(1, clock.horizon - steps))
        return lr * self.factor(after, lr)

    def warmup_steps(self, clock: Clock) -> int:
        """The number of steps over which the rate rises."""
        return round(self.warmup * clock.horizon) if self.warmup < 1 else round(self.warmup)

    @abstractmethod
    def factor(self, clock: Clock, lr: float) -> float:
        """The multiple of lr at this step of the clock, which starts after the warmup; 1 at its step 0."""
