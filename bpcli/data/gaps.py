"""Cells of a series that are missing, and whole steps that are: refused, filled in, or left as holes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.data.cells import counted, rows_named
from bpcli.errors import DataError

Policy = Literal["refuse", "interpolate", "hold", "split"]

#: More missing steps than this for each row of the file are a slip in a time, not a gap.
_MOST = 10


@dataclass(frozen=True, slots=True)
class Grid:
    """All steps of a series, the missing ones too: values (steps, c), and the line of each step.

    `real` (steps, c): which values stand in the file; the others are filled in, or NaN. A missing step has
    the line before it.
    """

    values: NDArray[np.float64]
    real: NDArray[np.bool_]
    lines: NDArray[np.int64]


def grid(
    values: NDArray[np.float64], names: list[str], places: NDArray[np.int64], lines: NDArray[np.int64],
    policy: Policy, file: str,
) -> Grid:  # fmt: skip
    """The rows (n, c) at their places in time, and the gaps between them as the policy says.

    DataError, with the lines, under `refuse`.
    """
    holes = np.flatnonzero(np.diff(places) > 1)
    steps = int(places[-1]) + 1 if len(places) else 0
    if len(holes) and (policy == "refuse" or steps > (_MOST + 1) * len(places)):
        at = int(holes[np.argmax(np.diff(places)[holes])] if policy != "refuse" else holes[0])
        count = int(np.diff(places)[at]) - 1
        more = f" (and in {counted(len(holes) - 1, 'other place')})" if len(holes) > 1 else ""
        raise DataError(
            f"{counted(count, 'step')} {'is' if count == 1 else 'are'} missing after line {lines[at]}{more}",
            file=file,
            line=int(lines[at + 1]),
            hint="add the rows, leave time out where rows simply follow each other, or set "
            "data.source.gaps: interpolate, hold or split"
            if policy == "refuse"
            else "correct the time",
        )
    if policy == "refuse":
        _refuse_missing(values, names, lines, file)
    made = np.full((steps, values.shape[1]), np.nan)
    made[places] = values
    real = ~np.isnan(made)
    if policy in ("interpolate", "hold"):
        for column in range(made.shape[1]):
            _fill(made[:, column], real[:, column], policy == "hold")
    before = np.searchsorted(places, np.arange(steps), side="right") - 1
    return Grid(made, real, lines[before])


def _refuse_missing(
    values: NDArray[np.float64], names: list[str], lines: NDArray[np.int64], file: str
) -> None:
    for index, name in enumerate(names):
        missing = np.flatnonzero(np.isnan(values[:, index]))
        if len(missing):
            raise DataError(
                f"column '{name}' is missing in {rows_named(lines[missing])}",
                file=file,
                line=int(lines[missing[0]]),
                hint="fill these cells in, or set data.source.gaps: interpolate, hold or split",
            )


def _fill(column: NDArray[np.float64], real: NDArray[np.bool_], hold: bool) -> None:
    """Between two values the line that joins them, or after a value that value; before the first nothing."""
    known = np.flatnonzero(real)
    if not len(known):
        return
    at = np.arange(len(column))
    if hold:
        before = np.searchsorted(known, at, side="right") - 1
        column[before >= 0] = column[known[before[before >= 0]]]
        return
    inside = (at >= known[0]) & (at <= known[-1])
    column[inside] = np.interp(at[inside], known, column[known])
