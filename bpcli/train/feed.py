"""What the loop is fed: an epoch's batches on the device, gathered, or augmented ahead of their use."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from typing import TYPE_CHECKING

from bpcli.data.batches import batches, order
from bpcli.data.inputs import each
from bpcli.data.records import Batch
from bpcli.errors import BuildError

if TYPE_CHECKING:
    from bpcli.data.records import Part, Prepared
    from bpcli.spec.experiment import Experiment
    from bpcli.train.model import Model


class Feed:
    """The training part, batch by batch: a pure function of seed and epoch, from any batch on."""

    def __init__(self, experiment: Experiment, model: Model, data: Prepared, *, threads: int) -> None:
        """BuildError for an augmentation that does not fit the input, the target or the loss."""
        self.part: Part = data.train
        self.seed, self.shuffle = experiment.seed, experiment.data.shuffle
        self.size, self.window = experiment.data.batch_size, experiment.train.accumulate
        self.backend, self.threads, self.augmenter = model.backend, threads, None
        if experiment.data.augment:
            from bpcli.data.augmented import Augmenter

            chain = experiment.data.augment
            if isinstance(data.train.x, tuple):
                raise BuildError(
                    "augmentation changes one input, and there are several",
                    ("data", "augment"),
                    "leave it out, or data.inputs",
                )
            self.augmenter = Augmenter(chain, data.train, model.target, model.loss, experiment.seed)

    def batches(self, epoch: int, start: int) -> Generator[Batch]:
        """The epoch's batches number `start` and on; as many as one window takes are valid at once."""
        rows = order(self.seed, epoch, len(self.part), self.shuffle)
        if self.augmenter is None:  # gathering alone takes a tenth of a millisecond
            made = batches(self.part, rows, self.size, start)
            yield from self._on_device(made, copy=self.window > 1)
            return
        from bpcli.data.prefetch import ahead

        stream = self.augmenter.batches(rows, self.size, start, epoch)
        with closing(ahead(stream) if self.threads > 1 else stream) as stream:
            yield from self._on_device(stream, copy=False)

    def _on_device(self, stream: Iterable[Batch], *, copy: bool) -> Generator[Batch]:
        """A batch that is valid only until the next one is taken must be copied for a window of several."""
        if self.backend.device == "cpu" and not copy:
            yield from stream
            return
        move = self.backend.xp.array
        for batch in stream:
            weight = None if batch.weight is None else move(batch.weight)
            yield Batch(each(move, batch.x), move(batch.y), weight)
