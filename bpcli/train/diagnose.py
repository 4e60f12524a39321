"""Where a run stopped being finite, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpcli.errors import Problem

if TYPE_CHECKING:
    from bpcli.train.model import Model


def diagnose(model: Model, value: Any, step: int, epoch: int) -> Problem:
    """Names the first array that is not finite: a parameter, else a gradient, else the loss itself."""
    xp = model.backend.xp
    culprit = f"the training loss is {value}"
    for word, vector in (("parameter", model.store.w), ("gradient of", model.store.g)):
        bad = [p for p in model.store.params if not bool(xp.isfinite(vector[p.slice]).all())]
        if bad:
            name = ".".join((*bad[0].path, bad[0].name))
            count = int((~xp.isfinite(vector[bad[0].slice])).sum())
            culprit = f"{word} {name} has {count} values that are not finite, and {culprit}"
            break
    return Problem(
        f"training diverged at step {step}, in epoch {epoch}: {culprit}",
        hint="lower optimizer.lr, add train.clip_global_norm, or standardize the data; "
        "the checkpoints before it are intact",
        code="BP300",
    )
