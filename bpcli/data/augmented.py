"""Batches of training rows through the augmentations, each sample by its own draws."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpcli.core.rng import Draws
from bpcli.data.augment._warp import Warp, warp
from bpcli.data.augment.base import Around, Augment
from bpcli.data.records import Batch, Part
from bpcli.errors import BuildError, ConfigError

if TYPE_CHECKING:
    from bpcli.data.records import Target
    from bpcli.losses.base import Loss

#: Samples go through the chain in portions of about this many pixels, so that they stay in the cache.
_PORTION = 1 << 16


class Augmenter:
    """The training part as the net sees it: a pure function of (seed, epoch, row), whatever the batch."""

    def __init__(self, chain: Sequence[Augment], part: Part, target: Target, loss: Loss, seed: int) -> None:
        """BuildError, at its place in the YAML, for an augmentation that does not fit."""
        for index, augment in enumerate(chain):
            try:
                augment.check(part.x.shape[1:], target, loss)
            except ConfigError as error:
                found = error.problems[0]
                raise BuildError(found.message, ("data", "augment", index), found.hint) from None
        self.chain, self.part, self.seed = tuple(chain), part, seed
        self.classes = target.width if target.kind == "classes" else 0
        self._links = tuple(_linked(self.chain))
        self._portion = max(1, _PORTION // int(np.prod(part.x.shape[1:3])))

    def batches(self, order: NDArray[np.int64], size: int, start: int, epoch: int) -> Generator[Batch]:
        """The epoch's batches number `start` and on, each in memory of its own."""
        for low in range(start * size, len(order), size):
            yield self.batch(order[low : low + size], epoch)

    def batch(self, rows: NDArray[np.int64], epoch: int) -> Batch:
        """These rows of the training part, augmented as in this epoch."""
        with np.errstate(all="ignore"):
            return self._through(rows, epoch, len(self._links))

    def _through(self, rows: NDArray[np.int64], epoch: int, stop: int) -> Batch:
        """The rows through the first `stop` links of the chain."""
        made = [
            self._portion_through(rows[low : low + self._portion], epoch, stop)
            for low in range(0, len(rows), self._portion)
        ]
        if len(made) == 1:
            return made[0]
        return Batch(*(_joined([getattr(one, name) for one in made]) for name in ("x", "y", "weight")))

    def _portion_through(self, rows: NDArray[np.int64], epoch: int, stop: int) -> Batch:
        part = self.part
        batch = Batch(*(None if a is None else a[rows] for a in (part.x, part.y, part.weight)))
        for number, link in enumerate(self._links[:stop]):
            draws = [
                Draws(self.seed, "augment", index, self.chain[index].type, epoch, samples=rows)
                for index in link
            ]
            if len(link) > 1:
                warps: Any = [self.chain[index] for index in link]
                batch = replace(batch, x=warp(batch.x, list(zip(warps, draws, strict=True))))
            else:
                around = Around(
                    len(part), self.classes, lambda other, n=number: self._through(other, epoch, n)
                )
                batch = self.chain[link[0]].batch(batch, draws[0], around)
        return batch


def _linked(chain: Sequence[Augment]) -> Iterator[list[int]]:
    """Neighbours that move points with one `fill`, as one reading of the image; all others by themselves.

    One that knows only the points of the pixel grid (elastic) ends a link: it moves the points first.
    """
    link: list[int] = []
    for index, augment in enumerate(chain):
        last = chain[link[-1]] if link else None
        if (
            isinstance(augment, Warp)
            and isinstance(last, Warp)
            and last.anywhere
            and last.fill == augment.fill
        ):
            link.append(index)
            continue
        if link:
            yield link
        link = [index]
    if link:
        yield link


def _joined(arrays: list[Any]) -> Any:
    return None if arrays[0] is None else np.concatenate(arrays)
