"""A series, and where the windows over it stand in it: what takes a forecast back to its own units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.data.cells import counted, listed
from bpcli.data.records import Target
from bpcli.errors import DataError

if TYPE_CHECKING:
    from bpcli.data.records import Records
    from bpcli.data.timeline import Timeline

Floats = NDArray[np.float64]
Curve = Literal["none", "log", "log1p", "sqrt"]
Relative = Literal["none", "last", "season"]


def bent(values: Floats, curve: Curve) -> Floats:
    """The values on the scale on which the net works: themselves, or their logarithm or root."""
    if curve == "none":
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        return {"log": np.log, "log1p": np.log1p, "sqrt": np.sqrt}[curve](values)


def unbent(values: Floats, curve: Curve) -> Floats:
    """Undoes `bent`; what lies beyond the scale (below the root 0) is its end, so that order is kept."""
    if curve == "sqrt":
        return np.square(np.maximum(values, 0.0))
    with np.errstate(over="ignore"):
        return values if curve == "none" else np.exp(values) if curve == "log" else np.expm1(values)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The target columns of a series: values (steps, d) in their own units, NaN where there is none.

    `real` (steps, d): which values are measured, rather than filled in. `season`: the steps of one cycle.
    `level`: the share of truths that prediction intervals are to hold; None for no intervals.
    """

    names: tuple[str, ...]
    values: Floats
    real: NDArray[np.bool_]
    season: int
    horizon: int
    curve: Curve = "none"
    relative: Relative = "none"
    level: float | None = None
    time: Timeline | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """What is predicted of each window: the first step of every target, then the second, …"""
        return tuple(f"{name}+{step}" for step in range(1, self.horizon + 1) for name in self.names)

    def label(self, step: int) -> str | None:
        """The time of a step as text, beyond the series' end too; None without a column of times."""
        return None if self.time is None else self.time.label(step)

    def seasonal_error(self, last: int) -> Floats:
        """mean |y_t - y_(t - season)| (d,) over the steps up to `last`: what mase divides by."""
        values = np.where(self.real, self.values, np.nan)[: last + 1]
        errors = np.abs(values[self.season :] - values[: -self.season])
        known = ~np.isnan(errors)
        return np.where(known, errors, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Rows that are windows over a series; `spans` (n, 2) are the first and last step that each predicts.

    `chosen` are the places among the series' columns of those that the rows' targets have.
    """

    series: Series
    spans: NDArray[np.int64]
    chosen: NDArray[np.int64]

    @classmethod
    def of(cls, records: Records, columns: Sequence[str]) -> Windows | None:
        """Those of a source's rows, with the target columns in this order; None for other rows."""
        if records.series is None or records.spans is None:
            return None
        everything = np.arange(len(records.series.columns))
        return cls(records.series, records.spans, everything).only(columns)

    def __len__(self) -> int:
        return len(self.spans)

    def take(self, rows: Any) -> Windows:
        return replace(self, spans=self.spans[rows])

    def only(self, columns: Sequence[str]) -> Windows:
        """With these of the target columns alone."""
        names = self.series.columns
        return replace(self, chosen=np.array([names.index(name) for name in columns], dtype=np.int64))

    def to_net(self, values: Floats) -> Floats:
        """Values (n, d) in their own units -> relative to what the net has seen, on the scale it works on."""
        return bent(values, self.series.curve) - self._anchor()

    def to_units(self, values: Floats) -> Floats:
        """Undoes `to_net`."""
        return unbent(values + self._anchor(), self.series.curve)

    def naive(self) -> Floats:
        """(n, d) the seasonal naive forecast: the value one season before, or whole seasons before.

        Where the series had not yet begun then, or has a gap, it is the last value.
        """
        return self._picked(self._cycle())

    def center(self) -> Floats:
        """(d,) about where the values lie: the same for all windows over one series."""
        columns = self.chosen % len(self.series.names)
        return np.nanmean(self.series.values, axis=0)[columns]

    def _anchor(self) -> Floats | float:
        """(n, d) what the net's targets are relative to, on its scale."""
        if self.series.relative == "none":
            return 0.0
        steps = self._cycle() if self.series.relative == "season" else self._last()
        return bent(self._picked(steps), self.series.curve)

    def _last(self) -> NDArray[np.int64]:
        return np.repeat(self.spans[:, :1] - 1, len(self.chosen), axis=1)

    def _cycle(self) -> NDArray[np.int64]:
        """(n, d) the last step seen that is whole seasons before each step predicted."""
        ahead, season = self.chosen // len(self.series.names), self.series.season
        return self.spans[:, :1] + ahead - season * (ahead // season + 1)

    def _picked(self, steps: NDArray[np.int64]) -> Floats:
        columns = self.chosen % len(self.series.names)
        values = self.series.values[np.maximum(steps, 0), columns]
        absent = (steps < 0) | np.isnan(values)
        return np.where(absent, self.series.values[self._last(), columns], values)


def with_scale(target: Target, train: Records) -> Target:
    """The target with the seasonal error of each column, as the training part shows it."""
    if train.series is None or train.spans is None:
        return target
    if target.kind not in ("values", "several"):
        raise DataError(
            f"a series is predicted as values, and here the target {listed(target.columns, 3)} is "
            f"{target.kind.replace('_', ' ')}",
            file=train.file,
            hint="leave data.task out, and choose a loss for values",
        )
    error = train.series.seasonal_error(int(train.spans.max()))
    columns = train.series.columns
    known = dict(zip(columns, np.tile(error, train.series.horizon).tolist(), strict=True))
    parts = tuple(with_scale(part, train) for part in target.parts)
    return replace(target, parts=parts, scale=tuple(known[name] for name in target.columns))


def overlap_notes(parts: Mapping[str, Records]) -> list[str]:
    """What to say where windows of validation or test predict steps that training has seen."""
    train, notes = parts["train"], list[str]()
    if train.series is None or train.spans is None or not len(train):
        return notes
    end = int(train.spans.max())
    for name, said in (("val", "validation"), ("test", "test")):
        part = parts[name]
        if part.spans is None or part.series is not train.series:
            continue
        late = int((part.spans[:, 0] <= end).sum())
        if late:
            notes.append(
                f"{counted(late, 'window')} of the {said} part predict steps that lie before the end of the "
                "training part, which has seen what follows: the split chronological keeps them apart."
            )
    return notes
