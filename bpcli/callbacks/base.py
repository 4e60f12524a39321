"""A callback hangs on the training loop: it sees the numbers, and may ask it to stop."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from bpcli.spec.base import Component

if TYPE_CHECKING:
    from bpcli.layers.base import Layer
    from bpcli.train.trainer import Trainer


class StopTraining(Exception):
    """Raised to end training early; str() is the status of the run."""


class Callback(Component):
    """What happens around the loop. What it must remember is its declared, JSON-able memory."""

    #: Callbacks that write into the state run before those that edit numbers, and those before readers.
    priority: ClassVar[Literal["write", "edit", "read"]] = "read"
    #: Whether a run may have one of its type alone, such as what writes a file of a fixed name.
    alone: ClassVar[bool] = False

    def watches(self) -> tuple[str, str] | None:
        """The (metric, mode) whose best epoch this callback is about, if it is about one.

        `best` is chosen by it too, unless the checkpoint section names a monitor of its own; and what is
        remembered is forgotten when a resume changes it.
        """
        return None

    def memory(self) -> dict[str, Any]:
        """The first value of what it remembers: plain JSON, saved in every checkpoint."""
        return {}

    def check(self, names: Collection[str]) -> None:
        """Before training: `names` are the metrics that every epoch will report, such as `val.loss`.

        Raises ConfigError where what the callback needs is not among them.
        """

    def check_net(self, layers: Mapping[str, Layer]) -> None:
        """Before training: `layers` are those with something to train, by their names: `residual1.dense2`.

        Raises ConfigError where what the callback needs is not among them.
        """

    def before_training(self, trainer: Trainer, memory: dict[str, Any]) -> None:
        """Once, before the first epoch, and again by each resume, with the memory of its checkpoint."""

    def before_epoch(self, trainer: Trainer, memory: dict[str, Any]) -> None:
        """Before each epoch, also the first one after a resume; may raise StopTraining."""

    def after_gradient(self, trainer: Trainer, memory: dict[str, Any]) -> None:
        """In each step: `trainer.model.store.g` is the whole gradient, with penalties, and not clipped yet.

        The step has not been counted: it will be number `trainer.step + 1`.
        """

    def after_step(self, trainer: Trainer, memory: dict[str, Any]) -> None:
        """After each update."""

    def after_epoch(self, trainer: Trainer, memory: dict[str, Any]) -> None:
        """After each epoch: its metrics are in `trainer.last_metrics`, its checkpoint is not written yet."""

    def of_epoch(self, memory: dict[str, Any]) -> dict[str, Any]:
        """What the event of an epoch tells beside the metrics: plain JSON, asked for after `after_epoch`."""
        return {}

    def of_run(self, memory: dict[str, Any]) -> dict[str, Any]:
        """What the event of the end tells beside the metrics: plain JSON."""
        return {}
