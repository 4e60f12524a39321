from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from bpcli.schedules.base import Clock, Schedule, Steps, in_steps
from bpcli.spec.base import Example, Many
from bpcli.spec.registry import Named


class Chain(Schedule):
    """One schedule after another: the k-th runs until the k-th step in `until`, the last to the end.

    Each begins at lr anew, with a clock of its own whose horizon is its part of the run. `until` counts
    steps, or is a share of the run: {schedules: [constant, cosine], until: [50%]}.
    """

    type: Literal["chain"] = "chain"
    schedules: Many[Annotated[Schedule, Named("schedules")]] = Field(description="one after the other")
    until: Many[Steps] = Field(description="where each one but the last ends")

    aliases: ClassVar = ("sequential_schedule",)
    examples: ClassVar = (
        Example({"schedules": ["constant", "cosine"], "until": ["40%"]}),
        Example(
            {
                "schedules": [{"type": "step", "every": 1}, "linear", "constant"],
                "until": [30, 70],
                "warmup": 5,
            }
        ),
    )

    @model_validator(mode="after")
    def _parts_and_ends(self) -> Self:
        if len(self.schedules) != len(self.until) + 1:
            raise PydanticCustomError(
                "until",
                "{n} schedules need {m} ends in until, and there are {k}",
                {
                    "n": len(self.schedules), "m": len(self.schedules) - 1, "k": len(self.until),
                    "hint": "the last schedule runs to the end",
                },
            )  # fmt: skip
        for part in self.schedules:
            if part.memory():
                raise PydanticCustomError(
                    "chained",
                    "{name} cannot be part of a chain",
                    {"name": part.type, "hint": "it watches all epochs; let it stand alone"},
                )
        return self

    def factor(self, clock: Clock, lr: float) -> float:
        ends = [in_steps(end, clock.horizon) for end in self.until]
        place = sum(clock.step >= end for end in ends)
        start = ends[place - 1] if place else 0
        end = ends[place] if place < len(ends) else clock.horizon
        part = clock._replace(step=max(clock.step - start, 0), horizon=max(end - start, 1))
        return self.schedules[place].rate(lr, part) / lr
