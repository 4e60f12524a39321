"""The order of the rows in an epoch, and the batches of that order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.core.rng import generator
from bpcli.data.inputs import arrays, each, take
from bpcli.data.records import Batch, Part

#: Whether rows come in a new order each epoch; or as streams, for nets that go on from batch to batch.
Shuffle = bool | Literal["streams"]


def order(seed: int, epoch: int, n: int, shuffle: Shuffle, size: int = 1) -> NDArray[np.int64]:
    """The rows (n,) int64 in the order of this epoch: the same for the same arguments, on any machine.

    streams: rows that follow each other, such as windows of one text, are cut into `size` streams of the same
    length, and batch k has row k of each stream, so that each batch goes on where the one before ended. The
    rows left over at the end are in none.
    """
    if shuffle == "streams":
        return np.arange(n // size * size, dtype=np.int64).reshape(size, -1).T.ravel()
    if not shuffle:
        return np.arange(n, dtype=np.int64)
    return generator(seed, "order", epoch).permutation(n).astype(np.int64, copy=False)


def batch_count(n: int, size: int, shuffle: Shuffle = True) -> int:
    """Batches of `size` rows that n rows make; the last may be short; of streams it is left out."""
    return n // size if shuffle == "streams" else -(-n // size)


def batches(part: Part, order: NDArray[np.int64] | None, size: int, start: int = 0) -> Iterator[Batch]:
    """The batches number `start` and on. Without an order, the part's own, and the arrays are views of it.

    A batch is valid until the next one is taken: its memory is used again. Rows without a target have
    batches whose y is None.
    """
    return _views(part, size, start) if order is None else _gathered(part, order, size, start)


def _views(part: Part, size: int, start: int) -> Iterator[Batch]:
    x, y, weight = part.x, part.y, part.weight
    for low in range(start * size, len(part), size):
        high = low + size
        yield Batch(
            take(x, slice(low, high)),
            None if y is None else y[low:high],
            None if weight is None else weight[low:high],
        )


def _gathered(part: Part, order: NDArray[np.int64], size: int, start: int) -> Iterator[Batch]:
    rows = len(order)
    if rows and not (int(order.min()) >= 0 and int(order.max()) < len(part)):
        raise IndexError(f"an order that goes beyond the part's {len(part)} rows")
    full = min(size, rows)
    x, y, weight = part.x, part.y, part.weight
    xs, ys, ws = each(lambda a: _buffer(a, full), x), _buffer(y, full), _buffer(weight, full)
    batch, gathers = Batch(xs, ys, ws), _gathers((*arrays(x), y, weight), (*arrays(xs), ys, ws))
    for low in range(start * size, rows, size):
        at = order[low : low + size]
        if len(at) < full:
            xs, ys, ws = (take(buffer, slice(len(at))) for buffer in (xs, ys, ws))
            batch, gathers = Batch(xs, ys, ws), _gathers((*arrays(x), y, weight), (*arrays(xs), ys, ws))
        for gather, out in gathers:  # mode="clip" writes straight into `out`, the default by way of a copy
            gather(at, 0, out, "clip")
        yield batch


def _gathers(sources: Iterable[Any], buffers: Iterable[Any]) -> list[tuple[Any, Any]]:
    """What takes rows of each array, and where to; looked up once for all batches of an epoch."""
    pairs = zip(sources, buffers, strict=True)
    return [(array.take, out) for array, out in pairs if array is not None]


def _buffer(like: Any, rows: int) -> Any:
    return None if like is None else np.empty((rows, *like.shape[1:]), dtype=like.dtype)
