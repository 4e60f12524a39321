"""Parallel work as blocks of a fixed grid of rows or columns, inside one kernel.

The grid depends on the size of the work alone, never on the number of threads, and every block writes
only its own part of the output. So the bits are the same on one thread and on many.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

#: Work (in flops, or in array elements times ten) that is worth a block of its own: a fork and join costs
#: 13 to 21 µs, a block of this size several times as much.
BLOCK_WORK = 1 << 24
MAX_BLOCKS = 8


def grid(n: int, work: float) -> list[slice]:
    """The blocks of n rows for this much work in all; one block where cutting would not pay."""
    blocks = max(1, min(MAX_BLOCKS, int(work // BLOCK_WORK), n))
    size = -(-n // blocks)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


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
