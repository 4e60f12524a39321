from __future__ import annotations

from typing import ClassVar, Literal

from bpcli.schedules.base import Clock, Schedule
from bpcli.spec.base import Example


class Constant(Schedule):
    """rate = lr, after the warmup if there is one."""

    type: Literal["constant"] = "constant"
    examples: ClassVar = (Example({}), Example({"warmup": 10}))

    def factor(self, clock: Clock, lr: float) -> float:
        return 1.0
