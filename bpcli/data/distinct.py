"""Which numbers occur: by counting where they are whole and lie close together, by sorting elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The widest range that is counted, where there are not as many numbers: a table of two megabytes.
_RANGE = 1 << 18


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """The numbers that occur, in order; none of them is NaN."""
    return _counted(values)[0] if _countable(values) else np.unique(values)


def coded(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """(the numbers that occur, in order, and for each of `values` its place among them)."""
    if not _countable(values):
        found, codes = np.unique(values, return_inverse=True)
        return found, codes.astype(np.int64, copy=False)
    found, places, offsets = _counted(values)
    return found, places[offsets]


def _countable(values: NDArray[Any]) -> bool:
    if not len(values):
        return False
    if not float(values.max()) - float(values.min()) < max(_RANGE, len(values)):  # nor NaN and infinity
        return False
    return values.dtype.kind in "iu" or bool((values == np.floor(values)).all())


def _counted(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """(the numbers that occur, the place of every number from the least on, each value's distance to it)."""
    low = values.min()
    offsets = (values - low).astype(np.int64)
    occurs = np.bincount(offsets) > 0
    return np.flatnonzero(occurs).astype(values.dtype) + low, np.cumsum(occurs) - 1, offsets
