"""Rows drawn at random, class by class."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.core.rng import generator
from bpcli.data.cells import counted, label_of
from bpcli.data.distinct import coded
from bpcli.data.records import Column, Records
from bpcli.data.splits._shares import ShareSplit, apportion
from bpcli.data.splits.base import Parts
from bpcli.errors import DataError
from bpcli.spec.base import Example


class Stratified(ShareSplit):
    """Each class is divided by the same shares, so that every part has the classes in like proportion.

    Sizes are exact: each part has the rows that its share of all rows comes to, and each class is within
    about one row of its share. Every class has at least one row in training. Several target columns are
    divided by their combinations.
    """

    type: Literal["stratified"] = "stratified"

    examples: ClassVar = (Example({}), Example({"train": 0.7, "val": 0.1, "test": 0.2}))

    def parts(self, records: Records, seed: int) -> Parts:
        classes = _classes(records)
        totals = apportion(len(records), self.shares)
        counts = np.bincount(classes)
        if totals[0] < len(counts):
            raise DataError(
                f"a training part of {counted(totals[0], 'row')} cannot hold all {len(counts)} classes",
                file=records.file,
                hint="raise data.split.train, or use {type: random}",
            )
        sizes = allot(counts, self.shares, totals)
        order = generator(seed if self.seed is None else self.seed, "split").permutation(len(records))
        by_class = order[np.argsort(classes[order], kind="stable")]
        found: list[list[NDArray[np.int64]]] = [[], [], []]
        for rows, parts in zip(np.split(by_class, np.cumsum(counts)[:-1]), sizes, strict=True):
            for part, chosen in zip(found, np.split(rows, np.cumsum(parts)[:3]), strict=False):
                part.append(chosen)
        train, val, test = (np.sort(np.concatenate(part)) for part in found)
        return Parts(train, val, test)


def allot(counts: NDArray[np.int64], shares: tuple[float, ...], totals: list[int]) -> NDArray[np.int64]:
    """Rows (class, part) of each class in each part; parts sum to `totals`, and no class misses training."""
    ideal = np.outer(counts, shares)
    sizes = np.empty(ideal.shape, dtype=np.int64)
    owed = np.zeros(len(shares))  # what earlier classes' rounding took from each part
    for row, count in enumerate(counts):
        wish = ideal[row] + owed
        size = np.floor(ideal[row] + 1e-9).astype(np.int64)
        for part in np.argsort(size - wish, kind="stable")[: count - size.sum()]:
            size[part] += 1
        if not size[0]:
            size[int(np.argmax(size))] -= 1
            size[0] = 1
        sizes[row] = size
        owed = wish - size
    # Rounding may leave a part a row short and another with one too many: move rows where it matters least.
    while (excess := sizes.sum(axis=0) - totals).any():
        giver, taker = int(np.argmax(excess)), int(np.argmin(excess))
        can = sizes[:, giver] > (1 if giver == 0 else 0)
        moved = (sizes[:, giver] - ideal[:, giver]) - (sizes[:, taker] - ideal[:, taker])
        row = int(np.argmax(np.where(can, moved, -np.inf)))
        sizes[row, giver] -= 1
        sizes[row, taker] += 1
    return sizes


def _classes(records: Records) -> NDArray[np.int64]:
    """The class of each row as a number from 0, in the order of the labels."""
    from bpcli.data.target import classes_of, refuse_missing

    if not records.targets:
        raise DataError("a stratified split needs a target", file=records.file, hint="use {type: random}")
    refuse_missing(records)
    combined = np.zeros(len(records), dtype=np.int64)
    for column in records.targets:
        if column.kind not in ("number", "text"):
            raise DataError(
                f"a stratified split needs one class for each row, and target '{column.name}' is a "
                f"{'sequence of symbols' if column.kind == 'sequence' else column.kind}",
                file=records.file,
                path="data.split",
                hint="use {type: chronological} where the order of the rows counts, else {type: random}",
            )
        distinct, codes = classes_of(column)
        if column.kind == "number":
            _refuse_measurements(column, distinct, records)
        _, combined = coded(combined * len(distinct) + codes)
    return combined


def _refuse_measurements(column: Column, distinct: list[float], records: Records) -> None:
    """Numbers so many or so fractional that they are no classes."""
    fractional = [value for value in distinct if not value.is_integer()]
    if len(distinct) > max(20, len(records) // 2) or (fractional and len(distinct) > 20):
        raise DataError(
            f"a stratified split needs classes; column '{column.name}' has {len(distinct):,} distinct "
            f"numbers such as {label_of((fractional or distinct)[0])}",
            file=records.file,
            hint="use split: {type: random}",
        )
