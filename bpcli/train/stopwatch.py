"""A stopwatch on functions: the time that each takes by itself, without that of those below it.

Nothing in the loop or in a layer knows of it. While it runs, the functions to be timed are replaced by ones
that look at the clock before and after; what runs is otherwise the same, and without it nothing is added.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from time import perf_counter_ns
from typing import Any, cast

#: What a time is booked to, or a function of the arguments that says so.
Key = Any
#: Looks at (key, arguments, result) after each call, off the clock; not within one of the same key.
Look = Callable[[Any, tuple[Any, ...], Any], None]


class Stopwatch:
    """`on` puts it on a function of an object, class or module; leaving the context takes it off all of them.

    `times` are nanoseconds by key since the last `lap`; `lost` those that the stopwatch itself took. What it
    costs to call a timed function, before the first and after the last look at the clock, is measured first
    and counted as lost, too.
    """

    def __init__(self) -> None:
        self.times: dict[Any, float] = defaultdict(float)
        self.lost = 0.0
        self._open: list[
            list[Any]
        ] = []  # of each call that is going on: its key, the time of those within it
        self._undo = ExitStack()
        self._inside = self._outside = 0.0
        self._calibrate()

    def __enter__(self) -> Stopwatch:
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def lap(self) -> tuple[dict[Any, float], float]:
        """(times, lost) since the last lap."""
        told = dict(self.times), self.lost
        self.times.clear()
        self.lost = 0.0
        return told

    def on(self, owner: Any, name: str, key: Key, look: Look | None = None) -> None:
        """From now on each call of owner.name is timed."""
        self.replace(owner, name, self.timed(getattr(owner, name), key, look))

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """owner.name = value, until the context is left."""
        own = cast("dict[str, Any]", vars(owner))
        if name in own:
            self._undo.callback(setattr, owner, name, own[name])
        else:
            self._undo.callback(delattr, owner, name)
        setattr(owner, name, value)

    def timed(self, function: Callable[..., Any], key: Key, look: Look | None = None) -> Callable[..., Any]:
        """The same function, its own time booked to the key."""
        calls, times, now = self._open, self.times, perf_counter_ns
        inside, outside = self._inside, self._outside
        asked = callable(key)

        def run(*arguments: Any, **options: Any) -> Any:
            begin = now()
            booked = key(*arguments) if asked else key
            above = calls[-1] if calls else None
            call = [booked, 0.0]
            calls.append(call)
            start = now()
            try:
                result = function(*arguments, **options)
            finally:
                end = now()
                calls.pop()
                times[booked] += end - start - call[1] - inside
            if look is not None and (above is None or above[0] != booked):
                look(booked, arguments, result)
            done = now()
            self.lost += start - begin + done - end + inside + outside
            if above is not None:
                above[1] += done - begin + outside
            return result

        return run

    def _calibrate(self, calls: int = 2000) -> None:
        """What a call of a function that does nothing seems to take, and takes besides, at the quickest."""
        nothing = self.timed(lambda: None, "")
        taken: list[tuple[float, float]] = []
        for _ in range(calls):
            before = perf_counter_ns()
            start = perf_counter_ns()
            nothing()
            end = perf_counter_ns()
            times, lost = self.lap()
            taken.append((end - start - (start - before) - lost - times[""], times[""]))
        self._outside, self._inside = (
            max(0.0, sorted(column)[calls // 4]) for column in zip(*taken, strict=True)
        )
