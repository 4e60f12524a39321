from __future__ import annotations

from math import cos, pi
from typing import ClassVar, Literal

from pydantic import NonNegativeFloat

from bpcli.errors import BuildError
from bpcli.schedules.base import Clock, Schedule
from bpcli.spec.base import Example


class Cosine(Schedule):
    """rate = min_lr + ½ (lr - min_lr) (1 + cos(π t / T)), half a cosine from lr down to min_lr.

    t is the step, T the planned number of steps (without the warmup, if there is one). A run that goes on
    beyond its plan stays at min_lr.
    Source: Loshchilov and Hutter, 2017.
    """

    type: Literal["cosine"] = "cosine"
    min_lr: NonNegativeFloat = 0.0

    aliases: ClassVar = ("cosine_decay", "cosine_annealing")
    examples: ClassVar = (Example({}), Example({"min_lr": 1e-5, "warmup": 0.05}))

    def factor(self, clock: Clock, lr: float) -> float:
        if self.min_lr > lr:
            raise BuildError(
                f"the cosine's min_lr ({self.min_lr:g}) is above the optimizer's lr ({lr:g})",
                ("schedule", "min_lr"),
                hint="lower min_lr, or raise optimizer.lr",
            )
        floor = self.min_lr / lr
        done = min(clock.step / clock.horizon, 1.0)
        return floor + (1 - floor) * 0.5 * (1 + cos(pi * done))
