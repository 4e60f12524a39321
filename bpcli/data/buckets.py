"""Rows of like length in one batch, so that little of it is padding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpcli.core.rng import generator
from bpcli.data.inputs import arrays, each

#: Batches whose rows are sorted by length together: more, and an epoch's batches are the same each time.
_TOGETHER = 50


def lengths(x: Any) -> NDArray[np.int64]:
    """The steps (n,) of each row up to its last symbol; of several inputs those of the longest."""
    found = [_lengths(array) for array in arrays(x) if is_symbols(array)]
    return np.max(found, axis=0)


def is_symbols(array: Any) -> bool:
    """Whether these are rows of the numbers of symbols, 0 behind the end of each."""
    return array.dtype.kind == "i" and array.ndim == 2


def trimmed(x: Any) -> Any:
    """Rows of symbols without the steps at the end in which no row has one; other inputs as they are."""
    return each(
        lambda array: array[:, : max(1, int(_lengths(array).max()))] if is_symbols(array) else array, x
    )


def by_length(
    order: NDArray[np.int64], lengths: NDArray[np.int64], size: int, *key: int
) -> NDArray[np.int64]:
    """The rows of an epoch's order, those of like length side by side, the batches in a random order.

    Rows are sorted within the rows of some batches, so that a batch's company changes from epoch to epoch.
    The last batch, if it is short, stays the last. `key` is the seed and the epoch.
    """
    full = len(order) // size * size
    sorted_ = [
        part[np.argsort(lengths[part], kind="stable")]
        for start in range(0, full, _TOGETHER * size)
        for part in (order[start : min(start + _TOGETHER * size, full)],)
    ]
    batches = np.concatenate([*sorted_, order[:0]]).reshape(-1, size)
    seed, *rest = key
    mixed = batches[generator(seed, "buckets", *rest).permutation(len(batches))]
    return np.concatenate([mixed.ravel(), order[full:]])


def _lengths(array: NDArray[Any]) -> NDArray[np.int64]:
    some = array != 0
    return np.where(some.any(axis=1), array.shape[1] - np.argmax(some[:, ::-1], axis=1), 0)
