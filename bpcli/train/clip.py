"""Clipping: the gradient cut to size before the update."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bpcli.core.store import Store
    from bpcli.spec.experiment import TrainSection


def norm(vector: Any) -> float:
    """‖vector‖₂."""
    return sqrt(float(vector.dot(vector)))


def clip(store: Store, options: TrainSection) -> float:
    """Cuts g by value, by each parameter tensor's norm, by the global norm; returns the norm before it.

    Source: Pascanu, Mikolov and Bengio, 2013.
    """
    g, xp = store.g, store.backend.xp
    before = norm(g)
    if options.clip_value is not None:
        xp.clip(g, -options.clip_value, options.clip_value, out=g)
    if options.clip_norm is not None:
        for param in store.params:
            _shrink(g[param.slice], options.clip_norm)
    if options.clip_global_norm is not None:
        _shrink(g, options.clip_global_norm)
    return before


def _shrink(part: Any, limit: float) -> None:
    size = norm(part)
    if size > limit:
        part *= limit / size
