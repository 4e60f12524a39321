"""A series continued: what a net says of the steps after its end, and would have said of earlier ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpcli.data.inputs import take
from bpcli.train.evaluate import outputs
from bpcli.train.say import in_units

if TYPE_CHECKING:
    from bpcli.data.records import Part
    from bpcli.data.series import Series
    from bpcli.train.saved import Saved


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Forecasts from several origins: `first` (k,) the steps they begin with, values (k, horizon, targets).

    `values` are by name, the `prediction` first, all in the series' own units.
    """

    series: Series
    first: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]]
    #: The names of the lower and the upper end of the interval, where there is one.
    ends: tuple[str, str] | None


def forecasts(saved: Saved, part: Part) -> Forecasts:
    """The forecasts of these windows, which are a series' (of a run for one)."""
    windows, model = part.windows, saved.model
    assert windows is not None
    made: dict[str, list[NDArray[np.float64]]] = {}
    with model.backend.quiet():
        for rows, y in outputs(model, part.x, saved.workspace()):
            found = in_units(y, model.target, model.loss, saved.pipeline, windows.take(rows), saved.intervals)
            for name, values in found.items():
                made.setdefault(name, []).append(values)
    series = windows.series
    order = [model.target.columns.index(name) for name in series.columns]
    shape = (len(part), series.horizon, len(series.names))
    values = {name: np.concatenate(parts)[:, order].reshape(shape) for name, parts in made.items()}
    return Forecasts(series, windows.spans[:, 0], values, saved.intervals and saved.intervals.names)


def ahead(saved: Saved, part: Part) -> Iterator[dict[str, Any]]:
    """A mapping for each step after the series' end: number, time, prediction and interval."""
    last = slice(len(part) - 1, len(part))
    found = forecasts(saved, chosen(part, last))
    series, names = found.series, found.series.names
    for step in range(series.horizon):
        row: dict[str, Any] = {"row": step + 1}
        if (time := series.label(int(found.first[0]) + step)) is not None:
            row["time"] = time
        told = {name: values[0, step].tolist() for name, values in found.values.items()}
        said = told.pop("prediction")
        row["prediction"] = said[0] if len(names) == 1 else dict(zip(names, said, strict=True))
        row["probabilities"] = None
        details = {
            name if len(names) == 1 else f"{column}_{name}": value
            for name, row_values in told.items()
            for column, value in zip(names, row_values, strict=True)
            if value == value  # of several losses, each says what it can
        }
        if details:
            row["details"] = details
        yield row


def chosen(part: Part, rows: slice | NDArray[np.int64]) -> Part:
    """Some of the rows of a part without targets."""
    windows = None if part.windows is None else part.windows.take(rows)
    return replace(
        part, x=take(part.x, rows), y=None, weight=None, rows=part.rows[rows], windows=windows, naive=None
    )


def recent(part: Part, share: float = 0.2) -> Part:
    """The windows one horizon apart, back from the series' end, whose forecasts lie in its last share."""
    windows = part.windows
    assert windows is not None
    series, first = windows.series, windows.spans[:, 0]
    steps = len(series.values)
    apart = (steps - first) % series.horizon == 0
    late = first >= steps - max(series.horizon, round(steps * share))
    return chosen(part, np.flatnonzero(apart & late))
