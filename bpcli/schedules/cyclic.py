from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from bpcli.schedules.base import Clock, Schedule
from bpcli.spec.base import Example


class Cyclic(Schedule):
    """rate = lr (b + (1 - b) h), where h goes from 0 up to 1 and down again in `period`, over and over.

    `bottom` is b, the lowest rate as a share of lr; `period` is the length of a cycle in epochs, or steps
    (`unit`). `decay` is the height of each cycle as a share of that before: .5 is Smith's triangular2.
    Source: Smith, 2017: "Cyclical learning rates".
    """

    type: Literal["cyclic"] = "cyclic"
    period: Annotated[PositiveInt, Field(ge=2)]
    unit: Literal["epochs", "steps"] = "epochs"
    bottom: Annotated[float, Field(ge=0, lt=1)] = 0.1
    decay: Annotated[float, Field(gt=0, le=1)] = 1.0

    rises: ClassVar[bool] = True
    aliases: ClassVar = ("triangular",)
    examples: ClassVar = (
        Example({"period": 4}),
        Example({"period": 20, "unit": "steps", "bottom": 0.25, "decay": 0.5}),
    )

    def factor(self, clock: Clock, lr: float) -> float:
        period = self.period * (clock.steps_per_epoch if self.unit == "epochs" else 1)
        cycle, t = divmod(clock.step, period)
        height = self.decay**cycle * (1 - abs(2 * t / period - 1))
        return self.bottom + (1 - self.bottom) * height
