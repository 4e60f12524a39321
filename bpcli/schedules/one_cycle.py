from __future__ import annotations

from math import cos, pi
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bpcli.schedules.base import Clock, Schedule
from bpcli.spec.base import Example


class OneCycle(Schedule):
    """One rise from lr/start to lr over the first `rise` of the run, then one fall to lr/(start·end).

    Both are half cosines, or straight lines (`shape: linear`); lr is the peak. A run that goes on beyond its
    plan stays at the end. The form and defaults are those of PyTorch and fast.ai; momentum is left alone.
    Source: Smith and Topin, 2018.
    """

    type: Literal["one_cycle"] = "one_cycle"
    rise: Annotated[float, Field(gt=0, lt=1)] = 0.3
    start: Annotated[float, Field(ge=1, description="what lr is divided by at the start")] = 25.0
    end: Annotated[float, Field(ge=1, description="what the start is divided by at the end")] = 1e4
    shape: Literal["cosine", "linear"] = "cosine"

    rises: ClassVar[bool] = True
    aliases: ClassVar = ("onecycle",)
    examples: ClassVar = (Example({}), Example({"rise": 0.4, "start": 10.0, "end": 100.0, "shape": "linear"}))

    def factor(self, clock: Clock, lr: float) -> float:
        low, last = 1 / self.start, 1 / (self.start * self.end)
        steps = max(clock.horizon - 1, 1)  # the first step is at the start, the last one at the end
        peak = min(max(round(self.rise * clock.horizon) - 1, 1), steps)
        if clock.step < peak:
            return low + (1 - low) * self._done(clock.step / peak)
        fall = min((clock.step - peak) / max(steps - peak, 1), 1.0)
        return 1 + (last - 1) * self._done(fall)

    def _done(self, share: float) -> float:
        return share if self.shape == "linear" else 0.5 * (1 - cos(pi * share))
