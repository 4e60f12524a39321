"""The callbacks of a run, each with what it remembers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from bpcli.errors import BuildError, ConfigError

if TYPE_CHECKING:
    from bpcli.callbacks.base import Callback
    from bpcli.layers.base import Layer
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

    def check(self, names: Sequence[str], layers: Mapping[str, Layer]) -> None:
        """`names` of the metrics that an epoch reports, `layers` that have something to train."""
        for number, (callback, where) in enumerate(self._placed):
            if callback.alone and any(other.type == callback.type for other, _ in self._placed[:number]):
                raise BuildError(f"there is a {callback.type} already", where, "leave one of them out")
            try:
                callback.check(names)
                callback.check_net(layers)
            except ConfigError as error:
                raise BuildError(error.problems[0].message, where, error.problems[0].hint) from None

    def before_training(self, trainer: Trainer) -> None:
        for callback, memory in self._pairs():
            callback.before_training(trainer, memory)

    def before_epoch(self, trainer: Trainer) -> None:
        for callback, memory in self._pairs():
            callback.before_epoch(trainer, memory)

    def after_gradient(self, trainer: Trainer) -> None:
        for callback, memory in self._pairs():
            callback.after_gradient(trainer, memory)

    def after_step(self, trainer: Trainer) -> None:
        for callback, memory in self._pairs():
            callback.after_step(trainer, memory)

    def after_epoch(self, trainer: Trainer) -> None:
        for callback, memory in self._pairs():
            callback.after_epoch(trainer, memory)

    def of_epoch(self) -> dict[str, Any]:
        """What the callbacks add to the event of an epoch."""
        return {k: v for callback, memory in self._pairs() for k, v in callback.of_epoch(memory).items()}

    def of_run(self) -> dict[str, Any]:
        """What the callbacks add to the event of the end."""
        return {k: v for callback, memory in self._pairs() for k, v in callback.of_run(memory).items()}

    def _pairs(self) -> Iterable[tuple[Callback, dict[str, Any]]]:
        if not self._placed:  # of a hundred calls a millisecond, most have none to call
            return ()
        return zip((callback for callback, _ in self._placed), self.memories, strict=True)

    def state(self) -> list[dict[str, Any]]:
        """What a checkpoint keeps: each memory, and what it is about."""
        return [{**_about(callback), "memory": deepcopy(memory)} for callback, memory in self._pairs()]

    def restore(self, saved: Sequence[dict[str, Any]]) -> None:
        """Takes up each memory that is about the same thing; another metric's best says nothing here."""
        for callback, memory in self._pairs():
            for kept in saved:
                if all(kept[key] == value for key, value in _about(callback).items()):
                    memory.update(kept["memory"])
                    break


def _about(callback: Callback) -> dict[str, Any]:
    return {"type": callback.type, "watches": list(callback.watches() or ())}
