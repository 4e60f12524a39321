"""Where a run stopped being finite, in words."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from bpcli.errors import Problem

if TYPE_CHECKING:
    from bpcli.train.model import Model


def diagnose(model: Model, value: Any, step: int, epoch: int) -> Problem:
    """Names the first array that is not finite: a parameter, a gradient, a state, else the loss itself."""
    xp, store = model.backend.xp, model.store
    culprit = f"the training loss is {value}"
    if isfinite(value):  # and no array below is to blame: each value is finite, and the sum of squares is not
        culprit = "the gradient is so large that its norm overflows"
    kinds = (
        ("parameter", store.params, store.w),
        ("gradient of", store.params, store.g),
        ("state", store.states, store.s),
    )
    for word, entries, vector in kinds:
        bad = [entry for entry in entries if not bool(xp.isfinite(vector[entry.slice]).all())]
        if bad:
            name = ".".join((*bad[0].path, bad[0].name))
            count = int((~xp.isfinite(vector[bad[0].slice])).sum())
            found = f"{word} {name} has {count} values that are not finite"
            culprit = f"{found}, and the training loss is {value}"
            break
    return Problem(
        f"training diverged at step {step}, in epoch {epoch}: {culprit}",
        hint="lower optimizer.lr, add train.clip_global_norm, or standardize the data; "
        "any checkpoint written before it is intact",
        code="BP300",
    )
