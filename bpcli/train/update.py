"""The update: decay, the optimizer's step, and what constrains weights, each where it applies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bpcli.errors import BuildError
from bpcli.regularizers.base import Constraint

if TYPE_CHECKING:
    from bpcli.core.ctx import Ctx
    from bpcli.core.store import Store
    from bpcli.data.records import Batch
    from bpcli.spec.experiment import Experiment
    from bpcli.train.trainer import Trainer


#: Weights that a thread steps through at a time, where each weight's step is its own.
_CUT = 1 << 17


class Piece(NamedTuple):
    """A part of the vector that the optimizer steps through at once, and what its rate is multiplied by."""

    w: Any
    g: Any
    slots: dict[str, Any]
    scale: float


class Update:
    """w <- what the optimizer makes of it. `slots` are the vectors that it remembers."""

    def __init__(self, experiment: Experiment, store: Store, *, whole: bool) -> None:
        """`whole`: each step sees all training rows."""
        self._store, self._optimizer = store, experiment.optimizer
        self.slots = {
            name: store.backend.xp.zeros_like(store.w) for name in experiment.optimizer.slot_names()
        }
        experiment.optimizer.prepare(self.slots)
        self._decays = self._group_decays()
        self._pieces = [Piece(*self._views(where), scale) for where, scale in self._cuts()]
        self._workspaces: list[Ctx] = []
        self._constrained = [
            (constraint, store.w[param.slice].reshape(param.shape))
            for constraint in experiment.regularize
            if isinstance(constraint, Constraint)
            for param in store.params
            if param.decay and not param.frozen
        ]
        if self._optimizer.scope == "net":
            self._check_whole(whole)

    def __call__(self, rate: float, t: int, ctx: Ctx, before: float, loss: Callable[[], float]) -> None:
        """Step t at this rate; `before` is the loss that led to the gradient, `loss()` that of now."""
        for group, scale, decay in self._decays:
            self._store.decay(rate * scale * decay, group)
        if not self._workspaces:
            self._workspaces = [ctx.child(str(number)) for number in range(len(self._pieces))]
        pieces = list(zip(self._pieces, self._workspaces, strict=True))

        def step(one: tuple[Piece, Ctx]) -> None:
            (w, g, slots, scale), here = one
            self._optimizer.step(w, g, slots, rate * scale, t, here)

        ctx.shared.pool.run(step, pieces)
        if self._optimizer.searches:
            for (w, _, slots, _), here in pieces:
                self._optimizer.search(w, slots, before, loss, here)
        for constraint, w in self._constrained:
            constraint.project(w, ctx)

    def _scale(self, group: int) -> float:
        own = self._optimizer.groups[group].lr if group >= 0 else None
        return 1.0 if own is None else own / self._optimizer.lr

    def _group_decays(self) -> list[tuple[int, float, float]]:
        found: list[tuple[int, float, float]] = []
        for group in sorted({segment.group for segment in self._store.segments if not segment.frozen}):
            own = self._optimizer.groups[group].weight_decay if group >= 0 else None
            decay = self._optimizer.weight_decay if own is None else own
            if decay:
                found.append((group, self._scale(group), decay))
        return found

    def _cuts(self) -> list[tuple[slice, float]]:
        """The parts of the vector that are stepped through at once, each with its scale."""
        of_arrays = self._optimizer.scope == "array"
        cuts: list[tuple[slice, float]] = []
        for entry in self._store.params if of_arrays else self._store.segments:
            scale = self._scale(entry.group)
            if entry.frozen:
                continue
            if cuts and cuts[-1][1] == scale and not of_arrays:  # segments lie side by side
                cuts[-1] = (slice(cuts[-1][0].start, entry.slice.stop), scale)
            else:
                cuts.append((entry.slice, scale))
        store = self._store
        if self._optimizer.scope != "weight" or self._optimizer.by_kernel(store.backend, store.dtype):
            return cuts
        return [
            (slice(start, min(start + _CUT, whole.stop)), scale)
            for whole, scale in cuts
            for start in range(whole.start, whole.stop, _CUT)
        ]

    def _views(self, where: slice) -> tuple[Any, Any, dict[str, Any]]:
        slots = {name: slot[where] for name, slot in self.slots.items()}
        return self._store.w[where], self._store.g[where], slots

    def _check_whole(self, whole: bool) -> None:
        name = self._optimizer.type
        for number, group in enumerate(self._optimizer.groups):
            if not group.frozen:
                raise BuildError(
                    f"{name} takes one step through all weights together, so they have one rate",
                    ("optimizer", "groups", number),
                    "freeze what is not to change, or choose another optimizer",
                )
        if not whole:
            raise BuildError(
                f"each step of {name} must see all training rows",
                ("optimizer",),
                "set data.batch_size to the number of rows, or train.accumulate to that of batches",
            )


def loss_now(trainer: Trainer, window: Sequence[Batch], norm: float) -> float:
    """The training loss of a window at the weights as they are now, penalties included; commits nothing."""
    ctx, total = trainer.ctx, 0.0
    for k, batch in enumerate(window):
        ctx.shared.micro = k
        total += trainer.experiment.method.gradient(trainer.model, batch, norm, ctx)[0]
        ctx.shared.pending.clear()
    return total + trainer.penalties.add_to_gradient(ctx.child("penalties"))
