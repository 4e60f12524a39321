"""A column of times: sorted, evenly spaced, and continued beyond its end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.data.cells import is_number, label_of
from bpcli.errors import DataError

_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_DAY = re.compile(r"[0-9]{8}")
_ORIGIN = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Times start, start + step, start + 2 step, …: numbers, seconds, months on one day, or ends of months.

    `pattern` is a cell as the file writes it, by which further times are written.
    """

    kind: Literal["number", "seconds", "months", "month ends"]
    start: float
    step: float
    pattern: str
    begin: datetime = _ORIGIN

    def moment(self, place: int) -> float | datetime:
        """The time of a step, counted from 0; beyond the end of the file too."""
        if self.kind == "number":
            return float(f"{self.start + place * self.step:.12g}")  # without the crumbs of 0.1 + 0.2
        if self.kind == "seconds":
            return self.begin + timedelta(seconds=place * self.step)
        months = self.begin.year * 12 + self.begin.month - 1 + round(place * self.step)
        year, month = divmod(months, 12)
        last = _last_day(year, month + 1)
        day = last if self.kind == "month ends" else self.begin.day
        return self.begin.replace(year=year, month=month + 1, day=min(day, last))

    def label(self, place: int) -> str:
        """The same as text, as the file would write it."""
        moment = self.moment(place)
        if not isinstance(moment, datetime):
            return label_of(moment)
        if _MONTH.fullmatch(self.pattern):
            return f"{moment:%Y-%m}"
        if _DAY.fullmatch(self.pattern):
            return f"{moment:%Y%m%d}"
        if len(self.pattern) <= 10:
            return moment.date().isoformat()
        spec = "seconds" if self.pattern.count(":") > 1 or moment.second else "minutes"
        return moment.isoformat(sep=self.pattern[10], timespec=spec if not moment.microsecond else "auto")


def timeline(
    cells: Sequence[str | None], lines: NDArray[np.int64], name: str, file: str
) -> tuple[Timeline, NDArray[np.int64]]:
    """(the times, the step of each row (n,), ascending but with holes where steps are missing).

    The step is the commonest distance of two rows. DataError, with the line, for a time that is missing,
    unreadable, not after the one before, or between two steps.
    """
    for cell, line in zip(cells, lines.tolist(), strict=True):
        if cell is None:
            raise DataError(f"the time '{name}' is missing", file=file, line=line, hint="fill it in")
    known = [cell for cell in cells if cell is not None]
    if all(map(is_number, known)) and not _all_days(known):
        values = np.array([float(cell) for cell in known])
        found, moments = None, values
    else:
        found = _moments(known, lines, name, file)
        begin = found[0]
        moments = np.array([(moment - begin).total_seconds() for moment in found])
    _check_order(moments, known, lines, name, file)
    if found is not None and (months := _months(found)) is not None:
        kind = "month ends" if _ends(found) else "months"
        made = Timeline(kind, 0.0, _commonest(months), known[-1], found[0])
        return made, _places(months, made.step, known, lines, file)
    step = _commonest(moments)
    if found is None:
        made = Timeline("number", float(moments[0]), step, known[-1])
    else:
        made = Timeline("seconds", 0.0, step, known[-1], found[0])
    return made, _places(moments, step, known, lines, file)


def _all_days(cells: Sequence[str]) -> bool:
    """Whether all cells are days without hyphens, such as 19580329, rather than numbers."""
    return all(_DAY.fullmatch(cell) and _parsed(cell) is not None for cell in cells)


def _parsed(cell: str) -> datetime | None:
    try:
        return datetime.fromisoformat(f"{cell}-01" if _MONTH.fullmatch(cell) else cell)
    except ValueError:
        return None


def _moments(cells: Sequence[str], lines: NDArray[np.int64], name: str, file: str) -> list[datetime]:
    found: list[datetime] = []
    for cell, line in zip(cells, lines.tolist(), strict=True):
        moment = _parsed(cell)
        if moment is None:
            raise DataError(
                f"the time {cell!r} in column '{name}' is neither a number nor an ISO date",
                file=file,
                line=line,
                hint="write 2024-01, 2024-01-31 or 2024-01-31 23:59",
            )
        if found and (moment.tzinfo is None) != (found[0].tzinfo is None):
            raise DataError(
                f"the time {cell!r} in column '{name}' and the ones before differ in having a time zone",
                file=file,
                line=line,
            )
        found.append(moment)
    return found


def _check_order(
    moments: NDArray[np.float64], cells: Sequence[str], lines: NDArray[np.int64], name: str, file: str
) -> None:
    wrong = np.flatnonzero(~(np.diff(moments) > 0))
    if not len(wrong):
        return
    at = int(wrong[0])
    same = moments[at + 1] == moments[at]
    raise DataError(
        f"the time {cells[at + 1]} is the same as in line {lines[at]}"
        if same
        else f"the time {cells[at + 1]} comes after {cells[at]} in line {lines[at]}, but is earlier",
        file=file,
        line=int(lines[at + 1]),
        hint="keep one row for each time"
        if same
        else f"sort the rows by '{name}'; a series is read in the order of its time",
    )


def _months(found: Sequence[datetime]) -> NDArray[np.float64] | None:
    """The months since the first time, where all are on one day of the month, or all on its last."""
    if len({(moment.time(), moment.tzinfo) for moment in found}) > 1:
        return None
    if len({moment.day for moment in found}) > 1 and not _ends(found):
        return None
    months = np.array([moment.year * 12.0 + moment.month for moment in found])
    return None if (np.diff(months) <= 0).any() else months - months[0]


def _ends(found: Sequence[datetime]) -> bool:
    return all(moment.day == _last_day(moment.year, moment.month) for moment in found)


def _last_day(year: int, month: int) -> int:
    first = datetime(year + month // 12, month % 12 + 1, 1)
    return (first - timedelta(days=1)).day


def _commonest(moments: NDArray[np.float64]) -> float:
    """The commonest distance of two neighbours, to the digits that count; 1 where there is one row."""
    if len(moments) < 2:
        return 1.0
    counts = Counter(float(f"{distance:.9g}") for distance in np.diff(moments).tolist())
    most = max(counts.values())
    return min(distance for distance, count in counts.items() if count == most)


def _places(
    moments: NDArray[np.float64], step: float, cells: Sequence[str], lines: NDArray[np.int64], file: str
) -> NDArray[np.int64]:
    exact = (moments - moments[0]) / step
    places = np.rint(exact).astype(np.int64)
    odd = np.flatnonzero(np.abs(exact - places) > 1e-3)
    if len(odd) == 0 and (np.diff(places) > 0).all():
        return places
    at = int(odd[0]) if len(odd) else int(np.flatnonzero(np.diff(places) <= 0)[0]) + 1
    raise DataError(
        f"the time {cells[at]} is no whole number of steps after {cells[0]}; a step is the commonest "
        "distance between two rows",
        file=file,
        line=int(lines[at]),
        hint="correct it, or leave time out where rows simply follow each other",
    )
