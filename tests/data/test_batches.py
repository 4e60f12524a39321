"""Orders and batches: every row once, the same for ever, from any batch on."""

from __future__ import annotations

import time

import numpy as np
import pytest

from bpcli.data.batches import batch_count, batches, order
from bpcli.data.records import Part


def part(rows: int, *, weight: bool = True, y: bool = True) -> Part:
    x = np.arange(rows * 3, dtype=np.float32).reshape(rows, 3)
    return Part(
        x,
        np.arange(rows) if y else None,
        np.arange(rows, dtype=np.float32) if weight else None,
        np.arange(rows, dtype=np.int64),
    )


def test_order_is_a_pure_function() -> None:
    first = order(1, 0, 100, True)
    assert first.dtype == np.int64
    assert sorted(first.tolist()) == list(range(100))
    assert np.array_equal(first, order(1, 0, 100, True))
    assert not np.array_equal(first, order(1, 1, 100, True))
    assert not np.array_equal(first, order(2, 0, 100, True))
    assert order(1, 5, 4, False).tolist() == [0, 1, 2, 3]
    assert order(1, 0, 8, True).tolist() == [
        2,
        1,
        0,
        7,
        6,
        5,
        3,
        4,
    ]  # drawn once: another would change every run


def test_batch_count() -> None:
    assert [batch_count(n, 4) for n in (0, 1, 4, 5, 8)] == [0, 1, 1, 2, 2]


@pytest.mark.parametrize("shuffled", [True, False])
@pytest.mark.parametrize(("rows", "size"), [(10, 3), (9, 3), (2, 5), (1, 1)])
def test_every_row_once_and_in_order(shuffled: bool, rows: int, size: int) -> None:
    data = part(rows)
    where = order(0, 0, rows, True) if shuffled else None
    found = [(b.x.copy(), b.y.copy(), b.weight.copy()) for b in batches(data, where, size)]
    assert len(found) == batch_count(rows, size)
    expected = np.arange(rows) if where is None else where
    assert np.concatenate([y for _, y, _ in found]).tolist() == expected.tolist()
    assert np.array_equal(np.concatenate([x for x, _, _ in found]), data.x[expected])
    assert np.array_equal(np.concatenate([w for _, _, w in found]), expected)


@pytest.mark.parametrize("shuffled", [True, False])
def test_starting_in_the_middle_of_an_epoch(shuffled: bool) -> None:
    data = part(23)
    where = order(0, 3, 23, True) if shuffled else None
    whole = [b.y.tolist() for b in batches(data, where, 4)]
    for start in range(len(whole) + 2):
        assert [b.y.tolist() for b in batches(data, where, 4, start)] == whole[start:]


def test_a_part_of_the_rows() -> None:
    assert [b.y.tolist() for b in batches(part(10), np.array([7, 7, 2]), 2)] == [[7, 7], [2]]
    with pytest.raises(IndexError):
        next(batches(part(10), np.array([10]), 2))


def test_without_target_and_weight() -> None:
    for where in (None, np.arange(5)):
        (batch,) = batches(part(5, weight=False, y=False), where, 8)
        assert (batch.y, batch.weight, len(batch)) == (None, None, 5)


def test_memory_is_used_again() -> None:
    seen = {batch.x.__array_interface__["data"][0] for batch in batches(part(64), np.arange(64), 8)}
    assert len(seen) == 1


def test_a_batch_costs_microseconds() -> None:
    data, where = part(32_000, weight=False), order(0, 0, 32_000, True)
    best = min(_seconds(data, where) for _ in range(5))
    assert best / 1000 < 50e-6  # about 4 µs on a quiet machine; ten times that would be a mistake


def _seconds(data: Part, where: np.ndarray) -> float:
    start = time.perf_counter()
    for _ in batches(data, where, 32):
        pass
    return time.perf_counter() - start
