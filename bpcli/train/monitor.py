"""What `best` means in a run."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from bpcli.errors import BuildError, closest

if TYPE_CHECKING:
    from bpcli.metrics.base import Metric
    from bpcli.spec.experiment import CheckpointSection


class Monitor:
    """Remembers the best value of one metric. What is not finite is never best, and a tie is not better.

    It is that of `checkpoint.monitor`; else the one that early stopping watches (`follow`); else val.loss.
    Without a validation part and without either, nothing can be chosen: the last epoch counts.
    """

    def __init__(
        self,
        options: CheckpointSection,
        metrics: Sequence[Metric],
        *,
        has_val: bool,
        follow: tuple[str, str] | None = None,
    ) -> None:
        #: Of each metric that an epoch gives, as in `val.accuracy`: whether higher is better.
        self.directions = {
            f"{part}.{metric.label()}": metric.higher_is_better
            for part in (("train", "val") if has_val else ("train",))
            for metric in metrics
            if not (metric.whole and part == "train") and not metric.is_table()
        }
        name, mode = options.monitor, options.mode
        if name == "auto" and follow is not None and follow[0] in self.directions:
            name, mode = follow[0], follow[1] if mode == "auto" else mode
        elif name == "auto":
            name = "val.loss" if has_val else None
        elif name not in self.directions:
            near = closest(name, self.directions)
            hint = f"did you mean '{near}'?" if near else f"there are {', '.join(self.directions)}"
            raise BuildError(f"the run has no metric '{name}'", ("checkpoint", "monitor"), hint)
        self.name = name
        self._higher = mode == "max" or (mode == "auto" and name is not None and self.directions[name])
        self._best: float | None = None
        self._epoch = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Every metric that an epoch gives, as in `val.accuracy`."""
        return tuple(self.directions)

    def higher_is_better(self, name: str) -> bool:
        return self.directions[name]

    def observe(self, metrics: dict[str, dict[str, Any]], epoch: int) -> bool:
        """Whether this epoch is the best so far, by a metric that is monitored."""
        if self.name is None:
            return False
        part, label = self.name.split(".", 1)
        value = metrics[part].get(label)
        if not isinstance(value, (int, float)) or not isfinite(value):
            return False
        if self._best is not None and (value <= self._best if self._higher else value >= self._best):
            return False
        self._best, self._epoch = float(value), epoch
        return True

    def state(self) -> dict[str, Any]:
        return {"monitor": self.name, "value": self._best, "epoch": self._epoch, "higher": self._higher}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes up a checkpoint's best; one of another metric or direction says nothing about this one."""
        if state["monitor"] == self.name and state["higher"] == self._higher:
            self._best, self._epoch = state["value"], state["epoch"]
