"""What is worth a word before training about the config itself, beside what the data is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpcli.schedules.base import in_steps

if TYPE_CHECKING:
    from bpcli.spec.experiment import Experiment


def notes(experiment: Experiment, horizon: int) -> list[str]:
    """Sentences about a run of this many steps."""
    steps = in_steps(experiment.schedule.warmup, horizon)
    if steps < horizon:
        return []
    return [
        f"The schedule's warmup takes {steps} steps, and the run has {horizon}: "
        "the rate rises until the end, and what comes after the warmup never begins."
    ]
