"""The numbers that a net knows symbols by: 0 is none, 1 an unknown one, then those of the training part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bpcli.data.bytepair import tells_all
from bpcli.errors import DataError

PAD, UNKNOWN = "<pad>", "<unk>"
#: Entries that every vocabulary begins with.
SPECIAL = (PAD, UNKNOWN)
UNKNOWN_NUMBER = SPECIAL.index(UNKNOWN)


def learnt(values: NDArray[np.int32], symbols: tuple[str, ...], size: int | None, least: int) -> list[str]:
    """The vocabulary of some rows: SPECIAL, then every symbol that occurs `least` times, in sorted order.

    Of more than `size` in all the most frequent are kept; of equally frequent ones the first in order. Byte
    pairs are all kept, in their own order: each byte is needed to tell any text. DataError for a limit.
    """
    if tells_all(symbols):
        if size is not None or least > 1:
            raise DataError(
                "byte pairs are a vocabulary, which says any text only as a whole",
                hint="lower merges, in place of size or min_count",
            )
        return [*SPECIAL, *symbols]
    counts = np.bincount(values[values >= 0].ravel(), minlength=len(symbols))
    kept = [index for index in np.argsort(-counts, kind="stable").tolist() if counts[index] >= max(least, 1)]
    if size is not None:
        kept = kept[: max(0, size - len(SPECIAL))]
    return [*SPECIAL, *sorted(symbols[index] for index in kept)]


def numbered(
    values: NDArray[np.int32], symbols: Sequence[str], vocabulary: Sequence[str]
) -> NDArray[np.int32]:
    """The same steps by the vocabulary's numbers: 0 behind the end, 1 for what it does not have."""
    place = {symbol: index for index, symbol in enumerate(vocabulary)}
    table = np.array([place.get(symbol, 1) for symbol in symbols] + [0], dtype=np.int32)
    return table[values]  # -1 is the last entry


def padded(parts: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
    """Rows of several widths as one array, 0 behind the end of the shorter ones."""
    width = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in parts])
