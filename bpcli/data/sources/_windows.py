"""Cuts a series into windows: which steps one may end with, and what it then holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bpcli.data.cells import counted
from bpcli.data.series import bent
from bpcli.errors import DataError

if TYPE_CHECKING:
    from bpcli.data.gaps import Grid
    from bpcli.data.sources.series import SeriesSource

Floats = NDArray[np.float64]


class Cutter:
    """Over the targets and past-only columns `own`, and the columns `known` ahead, as a source asks for."""

    def __init__(self, source: SeriesSource, own: Grid, known: Floats | None, file: str) -> None:
        self.source, self.own, self.known, self.file = source, own, known, file
        #: Steps before the window that it needs: to take seasonal differences.
        self.lead = source.season if source.relative == "season" else 0

    def origins(self, target: bool) -> NDArray[np.int64]:
        """The last steps of the windows. DataError where there is none.

        Without a target to compare with, the series' last step is always the last of them.
        """
        source, steps = self.source, len(self.own.values)
        first, after = self.lead + source.inputs - 1, source.horizon if target else 0
        if steps < first + 1 + after:
            more = f" after {counted(self.lead, 'step')} for the differences" if self.lead else ""
            ahead = f" and a horizon of {source.horizon}" if target else ""
            raise DataError(
                f"the series has {counted(steps, 'step')}; a window of {source.inputs}{more}{ahead} "
                f"needs {first + 1 + after}",
                file=self.file,
                hint="lower data.source.inputs" + (" or horizon" if target else ""),
            )
        found = np.arange(first, steps - after, source.stride)
        if not target and found[-1] != steps - 1:
            found = np.append(found, steps - 1)
        good = self._whole(found, target)
        if not target and not good[-1]:
            self._refuse_last()
        if not good.any():
            raise DataError(
                f"a gap is in every window of {source.inputs + self.lead} steps and a horizon of "
                f"{source.horizon}",
                file=self.file,
                hint="lower data.source.inputs or horizon, or set gaps: interpolate or hold",
            )
        return found[good]

    def cut(self, origins: NDArray[np.int64]) -> Floats:
        """The windows (n, inputs, c) that end with these steps."""
        source, width = self.source, len(self.source.target)
        at = origins[:, None] + np.arange(1 - source.inputs, 1)
        values = bent(self.own.values[:, :width], source.transform)
        seen = values[at]
        if source.relative == "last":
            seen = seen - values[origins][:, None]
        elif source.relative == "season":
            seen = seen - values[at - source.season]
        made = [seen, self.own.values[:, width:][at]]
        if self.known is not None:
            made += [self.known[at], self.known[at + source.horizon]]
        return np.concatenate(made, axis=2)

    def _whole(self, origins: NDArray[np.int64], target: bool) -> NDArray[np.bool_]:
        """Which windows hold nothing that is missing, and predict nothing that was filled in."""
        source, own = self.source, self.own
        good = _clear(np.isnan(own.values), origins + 1 - source.inputs - self.lead, origins)
        if source.gaps == "interpolate":  # the line over a gap leads to the value behind it
            good &= own.real[origins].all(axis=1)
        if self.known is not None:
            gone = np.isnan(self.known)
            good &= _clear(gone, origins + 1 - source.inputs, origins + source.horizon)
        if target:
            absent = ~own.real[:, : len(source.target)]
            good &= _clear(absent, origins + 1, origins + source.horizon)
        return good

    def _refuse_last(self) -> None:
        """DataError: a forecast from the series' end is asked for, and what it needs is not there."""
        source, steps = self.source, len(self.own.values)
        if self.known is not None:
            gone = np.flatnonzero(np.isnan(self.known[steps:]).any(axis=1))
            there = int(gone[0]) if len(gone) else len(self.known) - steps
            if there < source.horizon:
                raise DataError(
                    f"the columns known ahead are there for {there} of the {source.horizon} steps after the "
                    f"last value of the target, in line {self.own.lines[-1]}",
                    file=self.file,
                    hint="add rows with these columns, and the target left empty",
                )
        raise DataError(
            f"there is a gap in the last {source.inputs + self.lead} steps, which end in line "
            f"{self.own.lines[-1]}, so nothing can be predicted from them",
            file=self.file,
            hint="fill it in, or set data.source.gaps: interpolate or hold, and train anew",
        )


def _clear(bad: NDArray[np.bool_], first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of each range first..last, whether all its steps are there and none is bad in any column."""
    count = np.concatenate([[0], np.cumsum(bad.any(axis=1))])
    inside = (first >= 0) & (last < len(bad))
    low, high = np.clip(first, 0, len(bad)), np.clip(last + 1, 0, len(bad))
    return inside & (count[high] == count[low])
