"""The stopwatch of `profile`, and what the machine can do."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter, sleep
from typing import Any

import pytest

from bpcli.train.limits import Limits
from bpcli.train.stopwatch import Stopwatch


class Work:
    def outer(self) -> str:
        sleep(0.02)
        self.inner()
        self.inner()
        return "done"

    def inner(self) -> None:
        sleep(0.01)

    def fails(self) -> None:
        self.inner()
        raise ValueError


def test_each_has_its_own_time() -> None:
    work, looked = Work(), list[Any]()
    with Stopwatch() as watch:
        watch.on(Work, "outer", "outer", lambda *given: looked.append(given))
        watch.on(Work, "inner", lambda *given: ("inner", len(given)))
        watch.on(work, "fails", "fails")
        start = perf_counter()
        assert work.outer() == "done"
        whole = perf_counter() - start
        times, lost = watch.lap()
        assert set(times) == {"outer", ("inner", 1)}
        assert 0.02e9 <= times["outer"] < 0.04e9 and 0.02e9 <= times[("inner", 1)] < 0.04e9
        assert sum(times.values()) + lost == pytest.approx(whole * 1e9, rel=0.02)
        assert looked == [("outer", (work,), "done")]
        with pytest.raises(ValueError):
            work.fails()
        assert watch.lap()[0]["fails"] < 0.01e9
        assert watch.lap() == ({}, 0.0)
    assert "outer" in vars(Work) and not hasattr(Work.outer, "__wrapped__") and "fails" not in vars(work)
    assert Work.outer.__name__ == "outer" and Work.inner.__name__ == "inner"


def test_clocks_on_clocks_do_not_add_up() -> None:
    """A thousand calls of nothing take next to nothing, though the clocks take milliseconds."""
    nothing: Callable[[], None] = lambda: None  # noqa: E731
    with Stopwatch() as watch:
        inner = watch.timed(nothing, "inner")

        def many() -> None:
            for _ in range(1000):
                inner()

        outer = watch.timed(many, "outer")
        own = float("inf")
        for _ in range(20):
            outer()
            times, lost = watch.lap()
            own = min(own, abs(times["outer"]) + abs(times["inner"]))
        assert own < lost / 2


def test_limits() -> None:
    a, b = Limits(10.0, 5.0), Limits(8.0, 7.0)
    assert a.best(b) == Limits(10.0, 7.0)
    assert a.seconds(20.0, 5.0) == 2.0 and a.seconds(10.0, 50.0) == 10.0
