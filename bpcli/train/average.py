"""The mean of the weights over the steps or epochs, which is evaluated and kept in place of the last ones."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bpcli.spec.experiment import AverageSection
    from bpcli.train.model import Model
    from bpcli.train.trainer import Trainer


class Average:
    """w̄ beside w: a moving mean over steps (ema), or the plain mean over epochs' ends (swa).

    Training itself goes on with w. What layers know of batches (running statistics) belongs to other
    weights, so it is made anew by a pass over the training part with w̄ before each evaluation.
    Source: Polyak and Juditsky, 1992; swa: Izmailov et al., 2018.
    """

    def __init__(self, options: AverageSection | None, model: Model) -> None:
        self._options, self._store = options, model.store
        #: Saved in every checkpoint.
        self.arrays: dict[str, Any] = {}
        if options is not None:
            self.arrays = {"average.w": model.store.w.copy(), "average.s": model.store.s.copy()}

    def follow(self, epoch: int) -> None:
        """After a step of the epoch with this number, from 0."""
        if self._options is None:
            return
        mean, w = self.arrays["average.w"], self._store.w
        if epoch < self._options.start:
            mean[:] = w
        elif self._options.kind == "ema":
            mean *= self._options.decay
            mean += (1 - self._options.decay) * w

    def end_epoch(self, trainer: Trainer) -> None:
        """At the end of an epoch, before it is evaluated."""
        if self._options is None:
            return
        store, past = self._store, trainer.epoch - self._options.start
        self.arrays["average.s"][:] = store.s
        if past < 0:
            return
        if self._options.kind == "swa":
            mean = self.arrays["average.w"]
            mean += (store.w - mean) / (past + 1)
        if store.state_size:
            with self.deployed():
                self._meet_the_data(trainer)

    @contextmanager
    def deployed(self) -> Generator[None]:
        """While entered, the net has the averaged weights and the statistics that belong to them."""
        pairs = [(getattr(self._store, name[-1]), mean) for name, mean in self.arrays.items()]
        self._exchange(pairs)
        try:
            yield
        finally:
            self._exchange(pairs)

    def _exchange(self, pairs: list[tuple[Any, Any]]) -> None:
        for vector, mean in pairs:
            kept = vector.copy()
            vector[:] = mean
            mean[:] = kept

    def _meet_the_data(self, trainer: Trainer) -> None:
        """A pass over the training part in training mode, without a gradient: statistics are renewed."""
        ctx, model = trainer.ctx, trainer.model
        ctx.shared.step = trainer.step
        with closing(trainer.feed.batches(trainer.epoch, 0)) as stream:
            for number, batch in enumerate(stream):
                ctx.shared.micro = number
                model.outputs(batch.x, ctx)
                ctx.child("net").commit(model.p)


def deployed(arrays: dict[str, Any]) -> tuple[Any, Any]:
    """(w, s) of a checkpoint that predictions are to be made with: the averaged ones, where there are any."""
    return arrays.get("average.w", arrays["w"]), arrays.get("average.s", arrays["s"])
