"""The callbacks of a run, each with what it remembers."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from bpcli.errors import BuildError, ConfigError

if TYPE_CHECKING:
    from bpcli.callbacks.base import Callback
    from bpcli.spec.experiment import Experiment
    from bpcli.train.trainer import Trainer

Where = tuple[str | int, ...]

_ORDER = ("write", "edit", "read")


class Hooks:
    """Writers before editors before readers. `check` raises BuildError at a callback's place in the YAML."""

    def __init__(self, experiment: Experiment) -> None:
        placed: list[tuple[Callback, Where]] = []
        if experiment.early_stop:
            placed.append((experiment.early_stop, ("early_stop",)))
        placed += [(callback, ("callbacks", i)) for i, callback in enumerate(experiment.callbacks)]
        self._placed = sorted(placed, key=lambda pair: _ORDER.index(pair[0].priority))
        self.memories = [callback.memory() for callback, _ in self._placed]

    @property
    def watched(self) -> tuple[str, str] | None:
        """The (metric, mode) whose best epoch a callback is about, if one is."""
        return next((found for callback, _ in self._placed if (found := callback.watches())), None)

    def check(self, names: Sequence[str]) -> None:
        for callback, where in self._placed:
            try:
                callback.check(names)
            except ConfigError as error:
                raise BuildError(error.problems[0].message, where, error.problems[0].hint) from None

    def before_epoch(self, trainer: Trainer) -> None:
        for (callback, _), memory in zip(self._placed, self.memories, strict=True):
            callback.before_epoch(trainer, memory)

    def after_step(self, trainer: Trainer) -> None:
        for (callback, _), memory in zip(self._placed, self.memories, strict=True):
            callback.after_step(trainer, memory)

    def after_epoch(self, trainer: Trainer) -> None:
        for (callback, _), memory in zip(self._placed, self.memories, strict=True):
            callback.after_epoch(trainer, memory)

    def state(self) -> list[dict[str, Any]]:
        """What a checkpoint keeps: each memory, and what it is about."""
        return [
            {**_about(callback), "memory": deepcopy(memory)}
            for (callback, _), memory in zip(self._placed, self.memories, strict=True)
        ]

    def restore(self, saved: Sequence[dict[str, Any]]) -> None:
        """Takes up each memory that is about the same thing; another metric's best says nothing here."""
        for (callback, _), memory in zip(self._placed, self.memories, strict=True):
            for kept in saved:
                if all(kept[key] == value for key, value in _about(callback).items()):
                    memory.update(kept["memory"])
                    break


def _about(callback: Callback) -> dict[str, Any]:
    return {"type": callback.type, "watches": list(callback.watches() or ())}
