"""Parallel work as blocks of a fixed grid of rows or columns, inside one kernel.

The grid depends on the size of the work alone, never on the number of threads, and every block writes
only its own part of the output. So the bits are the same on one thread and on many.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from queue import SimpleQueue
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

#: Work (in flops) that is worth a block of its own: a fork and join costs 13 to 21 µs, a block of this size
#: several times as much.
BLOCK_WORK = 1 << 24
#: The same where a compiled kernel is shared out, which costs 4 µs.
TEAM_WORK = 1 << 21
#: The flops of a matrix product that take as long as one pass over one number of a large array.
PASS = 80.0
MAX_BLOCKS = 8


class Blocks(list[slice]):
    """Blocks of rows or columns, side by side."""

    @cached_property
    def table(self) -> np.ndarray[Any, Any]:
        """(number, start, stop) of each block, as compiled kernels take them."""
        return np.array([(number, one.start, one.stop) for number, one in enumerate(self)], np.int64)


def grid(n: int, work: float) -> Blocks:
    """The blocks of n rows for this much work in all; one block where cutting would not pay.

    Their number is a power of two, so that two or four threads have the same to do.
    """
    return cut(n, _power(min(MAX_BLOCKS, work // BLOCK_WORK, n)))


def product_grid(n: int, work: float) -> Blocks:
    """The blocks of the n rows or columns of one matrix product, fewer than of other work.

    Each block packs the whole other matrix again: of eight blocks every one takes a tenth to a third longer
    than its share of the uncut product, of two a twentieth.
    """
    most = 2 if work < 16 * BLOCK_WORK else 4 if work < 512 * BLOCK_WORK else MAX_BLOCKS
    return cut(n, _power(min(most, n)))


def _power(most: float) -> int:
    """The largest power of two that is not more."""
    return 1 << (max(1, int(most)).bit_length() - 1)


@lru_cache(maxsize=4096)
def cut(n: int, count: int) -> Blocks:
    """The blocks of n rows, so many of one size; the last may be shorter."""
    size = max(1, -(-n // count))
    return Blocks(slice(start, min(start + size, n)) for start in range(0, n, size))


class Pool:
    """`threads` workers (the caller is one of them) that take blocks until none is left."""

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        for number in range(threads - 1):
            threading.Thread(target=self._work, name=f"bpcli-rows-{number}", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._inbox.get()()

    def run(self, kernel: Callable[[T], Any], blocks: Sequence[T]) -> None:
        """Calls kernel(block) for every block; the first error of any block is raised here."""
        if self.threads == 1 or len(blocks) == 1:
            for block in blocks:
                kernel(block)
            return
        todo = iter(blocks)  # next() on a list iterator is atomic under the interpreter lock
        left = len(blocks)
        done: SimpleQueue[BaseException | None] = SimpleQueue()

        def drain() -> None:
            for block in todo:
                try:
                    kernel(block)
                    done.put(None)
                except BaseException as error:
                    done.put(error)

        for _ in range(min(self.threads, left) - 1):
            self._inbox.put(drain)
        drain()
        errors = [error for _ in range(left) if (error := done.get()) is not None]
        if errors:
            raise errors[0]
