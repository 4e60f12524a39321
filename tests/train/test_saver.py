"""How often the ends of epochs go to the disk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.train import saver as module
from bpcli.train.saver import Saver


class Disk:
    """A run folder and the clock: each write takes `cost` seconds."""

    def __init__(self, cost: float) -> None:
        self.cost, self.now, self.written = cost, 0.0, []

    def monotonic(self) -> float:
        return self.now

    def save(self, arrays: Any, meta: Any, *, best: bool) -> None:
        self.now += self.cost
        self.written.append(meta["epoch"])


def epochs_written(monkeypatch: pytest.MonkeyPatch, cost: float, every: float, seconds: float) -> list[int]:
    """Of 60 epochs of so many seconds, those that were written at once."""
    disk = Disk(cost)
    monkeypatch.setattr(module, "time", disk)
    saver: Any = Saver(disk, every)  # pyright: ignore[reportArgumentType]
    for epoch in range(60):
        disk.now += seconds
        saver.keep(({"w": np.zeros(3)}, {"epoch": epoch}), best=False)
    written = list(disk.written)
    saver.flush()
    assert disk.written[-1] == 59, "what waits is written at the end"
    return written


def test_every_epoch_that_takes_more_than_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    assert epochs_written(monkeypatch, 0.05, 60, 1.5) == list(range(60))


def test_short_epochs_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(epochs_written(monkeypatch, 0.01, 60, 0.25)) == pytest.approx(15, abs=1)


def test_slow_writes_take_a_tenth_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    written = epochs_written(monkeypatch, 0.8, 60, 2.0)
    assert 0.8 * len(written) <= 0.1 * (60 * 2.0) + 0.8 and len(written) >= 12


def test_every_wins_where_it_is_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    assert epochs_written(monkeypatch, 0.8, 1.0, 2.0) == list(range(60))
