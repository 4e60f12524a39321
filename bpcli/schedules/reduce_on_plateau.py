from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from bpcli.errors import BuildError, closest
from bpcli.schedules.base import Clock, Schedule, lowest
from bpcli.spec.base import Example


class ReduceOnPlateau(Schedule):
    """rate = lr γᵏ, where k is how often `monitor` had not improved for `patience` epochs on end.

    `gamma` is γ. An epoch improves if its value is better than the best so far by more than `min_delta`, in
    the metric's own units; an undefined one never does. After each fall `cooldown` epochs do not count, and
    the rate never goes below `min_lr`. `monitor: auto` is val.loss, or train.loss without a validation part.
    What it remembers is in every checkpoint. The rate falls after `patience` epochs, as in Keras; in PyTorch
    one later.
    """

    type: Literal["reduce_on_plateau"] = "reduce_on_plateau"
    monitor: str = "auto"
    mode: Literal["auto", "min", "max"] = "auto"
    gamma: Annotated[float, Field(gt=0, lt=1)] = 0.1
    patience: PositiveInt = 10
    min_delta: NonNegativeFloat = 0.0
    cooldown: NonNegativeInt = 0
    min_lr: NonNegativeFloat = 0.0

    aliases: ClassVar = ("plateau",)
    examples: ClassVar = (
        Example({}),
        Example({"monitor": "val.accuracy", "gamma": 0.5, "patience": 2, "cooldown": 1, "min_lr": 1e-5}),
    )

    def factor(self, clock: Clock, lr: float) -> float:
        return max(self.gamma ** clock.memory.get("falls", 0), lowest(self.min_lr, lr))

    def memory(self) -> dict[str, Any]:
        return {"watches": None, "best": None, "wait": 0, "cooldown": 0, "falls": 0}

    def check(self, higher: Mapping[str, bool]) -> None:
        name = self._name(higher)
        if name not in higher:
            near = closest(name, higher)
            hint = f"did you mean '{near}'?" if near else f"there are {', '.join(higher)}"
            raise BuildError(f"the run has no metric '{name}'", ("schedule", "monitor"), hint)

    def observe(
        self, metrics: Mapping[str, Mapping[str, Any]], higher: Mapping[str, bool], memory: dict[str, Any]
    ) -> None:
        name = self._name(higher)
        part, label = name.split(".", 1)
        up = higher[name] if self.mode == "auto" else self.mode == "max"
        if memory["watches"] != [name, up]:  # the best of another metric says nothing about this one
            memory.update(watches=[name, up], best=None, wait=0)
        value, best = metrics[part].get(label), memory["best"]
        memory["wait"] += 1
        if value is not None and isfinite(value) and (best is None or self._improves(value, best, up)):
            memory.update(best=float(value), wait=0)
        if memory["cooldown"]:
            memory.update(wait=0, cooldown=memory["cooldown"] - 1)
        elif memory["wait"] >= self.patience:
            memory.update(wait=0, cooldown=self.cooldown, falls=memory["falls"] + 1)

    def _improves(self, value: float, best: float, up: bool) -> bool:
        return value > best + self.min_delta if up else value < best - self.min_delta

    def _name(self, higher: Mapping[str, bool]) -> str:
        if self.monitor != "auto":
            return self.monitor
        return "val.loss" if "val.loss" in higher else "train.loss"
