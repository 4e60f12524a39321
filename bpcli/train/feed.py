"""What the loop is fed: an epoch's batches on the device, gathered, or augmented ahead of their use."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bpcli.data.batches import Shuffle, batches, order
from bpcli.data.buckets import by_length, is_symbols, lengths, trimmed
from bpcli.data.inputs import arrays, each
from bpcli.data.records import Batch
from bpcli.errors import BuildError

if TYPE_CHECKING:
    from bpcli.data.records import Part, Prepared
    from bpcli.data.series import Windows
    from bpcli.spec.experiment import Experiment
    from bpcli.train.model import Model


class Feed:
    """The training part, batch by batch: a pure function of seed and epoch, from any batch on."""

    def __init__(self, experiment: Experiment, model: Model, data: Prepared, *, threads: int) -> None:
        """BuildError for an augmentation that does not fit the input, the target or the loss."""
        self.part: Part = data.train
        self.rows: NDArray[np.int64] = np.arange(0)
        self.seed = experiment.seed
        self.shuffle: Shuffle = experiment.data.shuffle
        if self.shuffle == "streams" and len(self.part) < experiment.data.batch_size:
            raise BuildError(
                f"{experiment.data.batch_size} streams need as many rows, and training has {len(self.part)}",
                ("data", "batch_size"),
                "lower it",
            )
        self._check_streams(experiment, model)
        self.lengths = self._lengths(experiment)
        self.ends = model.target.ends
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
        rows = order(self.seed, epoch, len(self.part), self.shuffle, self.size)
        if self.lengths is not None:
            rows = by_length(rows, self.lengths, self.size, self.seed, epoch)
        self.rows = rows
        if self.augmenter is None:  # gathering alone takes a tenth of a millisecond
            made: Iterable[Batch] = batches(self.part, rows, self.size, start)
            if self.lengths is not None:
                made = map(self._trimmed, made)
            yield from self._on_device(made, copy=self.window > 1)
            return
        from bpcli.data.prefetch import ahead

        stream = self.augmenter.batches(rows, self.size, start, epoch)
        with closing(ahead(stream) if self.threads > 1 else stream) as stream:
            yield from self._on_device(stream, copy=False)

    def windows(self, number: int) -> Windows | None:
        """Where the rows of the epoch's batch `number` stand in their series; None where they are none."""
        if self.part.windows is None:
            return None
        return self.part.windows.take(self.rows[number * self.size : (number + 1) * self.size])

    def _check_streams(self, experiment: Experiment, model: Model) -> None:
        """BuildError for a layer that goes on from batch to batch where batches do not."""
        size = experiment.data.batch_size
        for built in model.built:
            streams = built.layer.streams()
            if streams is None:
                continue
            if self.shuffle != "streams":
                raise BuildError(
                    f"{built.layer.type} goes on from batch to batch, and the rows come in another order",
                    (*built.where, "stateful"),
                    "set data.shuffle: streams",
                )
            if streams != size:
                raise BuildError(
                    f"{built.layer.type} goes on with {streams} streams, and a batch has {size}",
                    (*built.where, "stateful"),
                    f"set stateful: {size}, or data.batch_size: {streams}",
                )

    def _lengths(self, experiment: Experiment) -> NDArray[np.int64] | None:
        """Of rows that are to be with those of like length: their lengths."""
        if not experiment.data.bucket:
            return None
        if self.shuffle is not True or not any(map(is_symbols, arrays(self.part.x))):
            raise BuildError(
                "rows go by their length where they are sequences of symbols in a random order",
                ("data", "bucket"),
                "leave it out" if self.shuffle is True else "set data.shuffle: true, or leave it out",
            )
        return lengths(self.part.x)

    def _trimmed(self, batch: Batch) -> Batch:
        """The batch up to the last symbol of its longest row; a target that is written is cut likewise."""
        x = trimmed(batch.x)
        return replace(batch, x=x, y=batch.y[:, : x[-1].shape[1]] if self.ends else batch.y)

    def _on_device(self, stream: Iterable[Batch], *, copy: bool) -> Generator[Batch]:
        """A batch that is valid only until the next one is taken must be copied for a window of several."""
        if self.backend.device == "cpu" and not copy:
            yield from stream
            return
        move = self.backend.xp.array
        for batch in stream:
            weight = None if batch.weight is None else move(batch.weight)
            yield Batch(each(move, batch.x), move(batch.y), weight)
