from __future__ import annotations

from collections.abc import Collection
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import NonNegativeFloat, PositiveInt

from bpcli.callbacks.base import Callback, StopTraining
from bpcli.errors import ConfigError, closest
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.train.trainer import Trainer


class EarlyStop(Callback):
    """Ends training once `monitor` has not improved for `patience` epochs on end.

    An epoch improves if its value is better than the best so far by more than `min_delta`, in the metric's
    own units; one that is undefined or not finite never does. `mode: auto` knows from the metric whether
    less or more is better. What it remembers is in every checkpoint, so a resumed run goes on counting, and
    one that had stopped stops again at once. The weights of the best epoch are restored: the checkpoint
    `best` goes by the same metric, unless `checkpoint.monitor` names another.
    Source: Prechelt, 1998: "Early stopping, but when?"
    """

    type: Literal["early_stop"] = "early_stop"
    monitor: str = "val.loss"
    patience: PositiveInt = 5
    min_delta: NonNegativeFloat = 0.0
    mode: Literal["auto", "min", "max"] = "auto"

    priority: ClassVar[Literal["write", "edit", "read"]] = "read"
    aliases: ClassVar = ("early_stopping",)
    examples: ClassVar = (Example({}), Example({"monitor": "val.accuracy", "patience": 2, "min_delta": 0.01}))

    def watches(self) -> tuple[str, str]:
        return self.monitor, self.mode

    def memory(self) -> dict[str, Any]:
        return {"best": None, "best_epoch": 0, "wait": 0}

    def check(self, names: Collection[str]) -> None:
        if self.monitor in names:
            return
        near = closest(self.monitor, names)
        if self.monitor.startswith("val.") and not any(name.startswith("val.") for name in names):
            hint = "there is no validation part: give data.split one, or monitor train.loss"
        elif near:
            hint = f"did you mean '{near}'?"
        else:
            hint = f"there are: {', '.join(sorted(names))}"
        raise ConfigError(f"early_stop: there is no metric '{self.monitor}' to monitor", hint=hint)

    def before_epoch(self, trainer: Trainer, memory: dict[str, Any]) -> None:
        if memory["wait"] >= self.patience:
            raise StopTraining("early_stopped")

    def after_epoch(self, trainer: Trainer, memory: dict[str, Any]) -> None:
        value = self._value(trainer.last_metrics)
        if value is not None and self._improves(value, memory["best"], trainer):
            memory.update(best=value, best_epoch=trainer.epoch, wait=0)
        else:
            memory["wait"] += 1

    def _value(self, metrics: dict[str, dict[str, Any]]) -> float | None:
        """The monitored number, or None where it is undefined."""
        known = {
            f"{part}.{label}": value for part, values in metrics.items() for label, value in values.items()
        }
        self.check(known)
        value = known[self.monitor]
        if isinstance(value, (list, tuple, dict)):
            raise ConfigError(
                f"early_stop: {self.monitor} is a table, not a number", hint="monitor another metric"
            )
        return float(value) if value is not None and isfinite(value) else None

    def _improves(self, value: float, best: float | None, trainer: Trainer) -> bool:
        if best is None:
            return True
        higher = trainer.higher_is_better(self.monitor) if self.mode == "auto" else self.mode == "max"
        return value > best + self.min_delta if higher else value < best - self.min_delta
