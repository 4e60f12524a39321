"""A schedule: the learning rate as a pure function of how far training has come."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import BeforeValidator, NonNegativeFloat, model_validator
from pydantic_core import PydanticCustomError

from bpcli.errors import BuildError
from bpcli.spec.base import Component


def _share(value: Any) -> Any:
    """A share such as 5% as a number; a number of steps must be whole."""
    if isinstance(value, str):
        number = value.strip().removesuffix("%").rstrip()
        if "%" in value and number.replace(".", "", 1).isdigit() and float(number) < 100:
            return float(number) / 100.0
    elif not isinstance(value, float) or not isfinite(value) or value < 1 or value == round(value):
        return value
    raise PydanticCustomError(
        "share",
        "expected a whole number of steps, or a share below 1",
        {"hint": "write a number of steps, or a share such as 5%"},
    )


_NOTHING: Mapping[str, Any] = {}


class Clock(NamedTuple):
    """Where training is: `step` counts from 0; `horizon` is the run's planned number of steps."""

    step: int
    steps_per_epoch: int
    horizon: int
    #: What the schedule remembers of the epochs so far, where it does: see `Schedule.memory`.
    memory: Mapping[str, Any] = _NOTHING

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

    #: Whether the rate rises to lr by itself: such a schedule starts below lr, and takes no warmup.
    rises: ClassVar[bool] = False

    @model_validator(mode="after")
    def _one_rise(self) -> Self:
        if self.rises and self.warmup:
            raise PydanticCustomError(
                "warmup", "{name} rises by itself", {"name": self.type, "hint": "remove warmup"}
            )
        return self

    def rate(self, lr: float, clock: Clock) -> float:
        """The learning rate of this step. BuildError where the schedule does not fit lr."""
        steps = self.warmup_steps(clock)
        if clock.step < steps:
            return lr * (clock.step + 1) / steps
        if steps:
            clock = clock._replace(step=clock.step - steps, horizon=max(1, clock.horizon - steps))
        return lr * self.factor(clock, lr)

    def warmup_steps(self, clock: Clock) -> int:
        """The number of steps over which the rate rises."""
        return in_steps(self.warmup, clock.horizon) if self.warmup else 0

    @abstractmethod
    def factor(self, clock: Clock, lr: float) -> float:
        """The multiple of lr at this step of the clock, which starts after the warmup; 1 at its step 0."""

    def memory(self) -> dict[str, Any]:
        """The first value of what it remembers, on the clock: plain JSON, saved in every checkpoint."""
        return {}

    def check(self, higher: Mapping[str, bool]) -> None:
        """Before training: `higher` says of each metric, such as `val.loss`, whether higher is better.

        BuildError where what the schedule watches is not among them.
        """

    def observe(
        self, metrics: Mapping[str, Mapping[str, Any]], higher: Mapping[str, bool], memory: dict[str, Any]
    ) -> None:
        """After each epoch: what its metrics (part, then label) say goes into the memory."""


def in_steps(share: float, horizon: int) -> int:
    """A number of steps, which may be given as a share of the horizon below 1."""
    return round(share * horizon) if share < 1 else round(share)


#: A number of steps, or a share of the horizon below 1, also written 5%.
Steps = Annotated[NonNegativeFloat, BeforeValidator(_share)]


def lowest(min_lr: float, lr: float) -> float:
    """min_lr as a multiple of lr; BuildError where it is above it."""
    if min_lr > lr:
        raise BuildError(
            f"the schedule's min_lr ({min_lr:g}) is above the optimizer's lr ({lr:g})",
            ("schedule", "min_lr"),
            hint="lower min_lr, or raise optimizer.lr",
        )
    return min_lr / lr
