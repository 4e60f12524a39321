"""The penalties of a config over the segments of the weight vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bpcli.regularizers.base import Constraint
from bpcli.spec.registry import family

if TYPE_CHECKING:
    from bpcli.core.ctx import Ctx
    from bpcli.core.store import Store
    from bpcli.regularizers.base import Regularizer


class Penalties:
    """Global ones (`regularize`) on all weights that decay; a layer's own (l1, l2) on its weights."""

    def __init__(self, chosen: Sequence[Regularizer], store: Store) -> None:
        self._store = store
        self._terms: list[tuple[slice, Any]] = []
        known = family("regularizers")
        chosen = [regularizer for regularizer in chosen if not isinstance(regularizer, Constraint)]
        for segment in store.segments:
            if segment.decay:
                self._terms += [(segment.slice, regularizer) for regularizer in chosen]
            for name, rate in (("l1", segment.l1), ("l2", segment.l2)):
                if rate:
                    self._terms.append((segment.slice, known[name].model_validate({"rate": rate})))

    @property
    def smooth(self) -> bool:
        return all(regularizer.smooth for _, regularizer in self._terms)

    def value_and_gradient(self, w: Any, g: Any, ctx: Ctx) -> Any:
        """Σ R(w), after adding its gradient to g. w and g are vectors of the store's layout."""
        total: Any = 0.0
        for index, (where, regularizer) in enumerate(self._terms):
            value, gradient = regularizer.penalty(w[where], ctx.child(str(index)))
            g[where] += gradient
            total += value
        return total

    def add_to_gradient(self, ctx: Ctx) -> float:
        return self.value_and_gradient(self._store.w, self._store.g, ctx)
