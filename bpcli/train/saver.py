"""When a run's state goes to disk.

The end of every epoch is kept, and written at once unless the last write was less than a second ago, or less
than ten times as long as it took: a write is synced to the disk, read back and renamed, which takes longer
than an epoch of a small net, and of a large net on few rows. What waits is held in memory and written as soon
as that time is over, or the run ends in any way but a kill.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bpcli.runs.folder import RunFolder

State = tuple[dict[str, Any], dict[str, Any]]

#: Seconds between two writes at epochs' ends, or so many times what the last one took if that is longer;
#: unless `checkpoint.every` is shorter.
GAP, TIMES = 1.0, 10.0


class Saver:
    """Writes `last` and `best` of one run folder, `best` first."""

    def __init__(self, folder: RunFolder, every: float) -> None:
        self._folder = folder
        self._every = every
        self._gap = min(GAP, every)
        self._written_at = time.monotonic()
        self._last: State | None = None
        self._best: State | None = None

    @property
    def due(self) -> bool:
        """Whether it is time to save within an epoch."""
        return time.monotonic() - self._written_at >= self._every

    def keep(self, state: State, *, best: bool) -> None:
        """The state at the end of an epoch; best: by the monitored metric, so far."""
        self._last = _copied(state)
        if best:
            self._best = self._last
        if time.monotonic() - self._written_at >= self._gap:
            self.flush()

    def write(self, state: State) -> None:
        """Writes a state now, and before it the best one if that still waits."""
        self._last = state
        self.flush()

    def flush(self) -> None:
        """Writes whatever waits. WriteError."""
        best, last, start = self._best, self._last, time.monotonic()
        if best is not None and best is not last:
            self._folder.save_best(*best)
        if last is not None:
            self._folder.save(*last, best=best is last)
        self._best = self._last = None
        self._written_at = time.monotonic()
        self._gap = min(max(GAP, TIMES * (self._written_at - start)), self._every)


def _copied(state: State) -> State:
    """The arrays are the run's own and go on changing."""
    arrays, meta = state
    return {name: array.copy() for name, array in arrays.items()}, meta
