"""Working ahead on a thread: the same items, the same errors, and no thread left over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from bpcli.data.prefetch import ahead


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "bpcli-prefetch"]


def test_the_same_items_in_the_same_order() -> None:
    assert list(ahead(iter(range(100)))) == list(range(100))
    assert list(ahead(iter(()))) == []
    assert threads() == []


def test_it_works_ahead_but_not_further_than_asked() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for i in range(20):
            made.append(i)
            yield i

    stream = ahead(items(), depth=3)
    assert next(stream) == 0
    deadline = time.monotonic() + 5
    while len(made) < 5 and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(0.05)
    assert len(made) == 5, "one is with the reader, three wait, one wants to"
    stream.close()
    assert threads() == []


def test_it_is_another_thread() -> None:
    names = list(ahead(threading.current_thread().name for _ in range(2)))
    assert names == ["bpcli-prefetch"] * 2


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ZeroDivisionError("in the stream")

    found = []
    with pytest.raises(ZeroDivisionError, match="in the stream"):
        for item in ahead(items()):
            found.append(item)
    assert found == [1, 2]
    assert threads() == []


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_closing_early_ends_the_thread(taken: int) -> None:
    stream = ahead(iter(range(1000)))
    for _ in range(taken):
        next(stream)
    stream.close()
    assert threads() == []


def test_an_error_of_the_reader_ends_the_thread() -> None:
    def read() -> None:
        stream = ahead(iter(range(1000)))
        try:
            for item in stream:
                if item == 3:
                    raise KeyError("reader")
        finally:
            stream.close()

    with pytest.raises(KeyError):
        read()
    assert threads() == []
