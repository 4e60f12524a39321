"""A stream that is worked out ahead of its reader, on a thread of its own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")

#: What the thread puts at the end: no item, and the exception that ended the stream, if one did.
_End = tuple[None, BaseException | None]


def ahead(stream: Iterator[T], depth: int = 2) -> Generator[T]:
    """The same items in the same order, up to `depth` of them computed before they are asked for.

    Items must not share memory that the stream uses again. What the stream raises is raised here, after the
    items before it. Closing the generator, or leaving it for any reason, stops the thread and waits for it.
    """
    ready: Queue[tuple[T, None] | _End] = Queue(maxsize=depth)
    stopped = Event()

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in stream:
                ready.put((item, None))
                if stopped.is_set():
                    return
        except BaseException as caught:  # whatever it is, it belongs to the reader
            error = caught
        ready.put((None, error))

    thread = Thread(target=work, name="bpcli-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    finally:
        stopped.set()
        while thread.is_alive():
            with suppress(Empty):
                ready.get_nowait()  # makes room, so that a put that waits can end
            thread.join(timeout=0.01)
