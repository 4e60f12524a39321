"""A series and its forecasts as a picture: truth, prediction, interval, and where the file ends."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpcli.errors import UsageError

if TYPE_CHECKING:
    from bpcli.train.forecast import Forecasts

_TRUTH, _TOLD, _BAND = "#222222", "#c1440e", "#f2b98f"


def check(name: str, *, every: bool) -> None:
    """Refuses, before anything is computed, what cannot be drawn."""
    if Path(name).is_dir():
        raise UsageError(f"-o {name} is a folder", hint="name a file in it")
    if every:
        raise UsageError(
            "--all is for rows, and a picture has forecasts one horizon apart", hint="leave --all out"
        )
    _matplotlib()


def draw(path: Path, found: Forecasts, title: str) -> int:
    """Writes the picture; how many forecasts it has. WriteError where it cannot be written."""
    from bpcli.cli.rows import opened

    buffer = io.BytesIO()
    _figure(found, title).savefig(buffer, format="png", dpi=110)
    with opened(path, binary=True) as file:
        file.write(buffer.getvalue())
    return len(found.first)


def _figure(found: Forecasts, title: str) -> Any:
    """One panel for each target: the part of the series that is forecast, and as much before it."""
    plt = _matplotlib()
    series = found.series
    steps, names = len(series.values), series.names
    begin = max(0, int(found.first[0]) - max(series.horizon, (steps - int(found.first[0])) // 2))
    figure = plt.Figure(figsize=(10, 3.6 * len(names) + 0.4), layout="constrained")
    for place, name in enumerate(names):
        axes = figure.add_subplot(len(names), 1, place + 1)
        past = range(begin, steps)
        truth = [series.values[step, place] for step in past]
        axes.plot(_moments(found, past), truth, color=_TRUTH, lw=1.3, label="truth", zorder=2)
        for number, first in enumerate(found.first.tolist()):
            _forecast(axes, found, number, first, place)
        axes.axvline(_moments(found, [steps - 1])[0], color="#999999", lw=0.8, ls=":")
        axes.set_ylabel(name)
        axes.margins(x=0.01)
        axes.legend(loc="upper left", frameon=False)
    figure.suptitle(
        f"{title}: forecasts of {series.horizon} {'step' if series.horizon == 1 else 'steps'}, each from "
        "what was known before it; the dotted line is the end of the file",
        fontsize=10,
    )
    return figure


def _forecast(axes: Any, found: Forecasts, number: int, first: int, place: int) -> None:
    """One forecast, with a mark for each step where it has but few; joined to the last value before it."""
    steps = range(first - 1, first + found.series.horizon)
    before = found.series.values[first - 1, place]
    moments = _moments(found, steps)
    label = {"label": "forecast"} if number == 0 else {}
    values = [before, *found.values["prediction"][number, :, place].tolist()]
    axes.plot(moments, values, color=_TOLD, lw=1.3, zorder=3, **label)
    if found.ends is not None:
        low, high = ([before, *found.values[end][number, :, place].tolist()] for end in found.ends)
        shown = {"label": f"interval, {100 * (found.series.level or 0):g} %"} if number == 0 else {}
        axes.fill_between(moments, low, high, color=_BAND, alpha=0.6, lw=0, zorder=1, **shown)


def _moments(found: Forecasts, steps: range | list[int]) -> list[float] | list[datetime]:
    """Where steps stand on the axis: their times, or their numbers, the first of the file being 1."""
    time = found.series.time
    moments: Any = [step + 1.0 if time is None else time.moment(step) for step in steps]
    return moments


def _matplotlib() -> Any:
    """The module matplotlib.figure; UsageError with the install command where it is missing."""
    try:
        import matplotlib.figure  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UsageError(
            "a picture needs matplotlib, which is not installed", hint="pip install 'bpcli[plots]'"
        ) from None
    return matplotlib.figure
