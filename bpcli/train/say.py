"""The net's outputs in words: what `predict` tells of each row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpcli.train.intervals import stated

if TYPE_CHECKING:
    from bpcli.data.pipeline import Pipeline
    from bpcli.data.records import Target
    from bpcli.data.series import Windows
    from bpcli.losses.base import Loss
    from bpcli.train.intervals import Intervals

Told = dict[str, Any]


def say(
    y: NDArray[Any],
    target: Target,
    loss: Loss,
    pipeline: Pipeline,
    windows: Windows | None = None,
    intervals: Intervals | None = None,
) -> Iterator[Told]:
    """For each row its prediction, of classes its probabilities, and what else the loss says of it.

    Rows that are `windows` over a series are told in its units, with the ends of their intervals.
    """
    if target.parts:
        yield from _several(y, target, loss, pipeline, windows, intervals)
        return
    if target.kind == "values":
        values = in_units(y, target, loss, pipeline, windows, intervals)
        yield from _values(values.pop("prediction"), target, _details(values, target))
        return
    if target.positions:  # the likeliest class of each place; all chances would be a book
        best = y.argmax(axis=-1)
        labels = np.asarray(target.labels, dtype=object)
        for row in labels[best].tolist():
            yield {"prediction": row, "probabilities": None}
        return
    predicted = loss.predict(y, np)
    if target.kind == "binary_columns":
        for row in predicted.tolist():
            chances = dict(zip(target.columns, row, strict=True))
            said = {name: int(chance > 0.5) for name, chance in chances.items()}
            yield {"prediction": said, "probabilities": chances}
    else:
        for row in predicted.tolist():
            label = target.labels[max(range(len(row)), key=row.__getitem__)]
            chances = dict(zip(target.labels, row, strict=True)) if loss.gives_probabilities else None
            yield {"prediction": label, "probabilities": chances}


def _several(
    y: NDArray[Any],
    target: Target,
    loss: Loss,
    pipeline: Pipeline,
    windows: Windows | None,
    intervals: Intervals | None,
) -> Iterator[Told]:
    """Each key of a row's telling by the targets' names."""
    streams = [
        say(
            loss.cut(number).outputs(y),
            one,
            part.loss,
            pipeline,
            None if windows is None else windows.only(one.columns),
            None if intervals is None else intervals.only(one.columns),
        )
        for number, (one, part) in enumerate(zip(target.parts, loss.several(), strict=True))
    ]
    for row in zip(*streams, strict=True):
        told = dict(zip(target.names, row, strict=True))
        made: Told = {
            key: {name: one[key] for name, one in told.items()} for key in ("prediction", "probabilities")
        }
        if details := {name: one["details"] for name, one in told.items() if "details" in one}:
            made["details"] = details
        yield made


def _values(values: NDArray[Any], target: Target, details: dict[str, NDArray[Any]]) -> Iterator[Told]:
    for index, row in enumerate(values.tolist()):
        said = row[0] if len(row) == 1 else dict(zip(target.columns, row, strict=True))
        told: Told = {"prediction": said, "probabilities": None}
        if details:
            told["details"] = {name: float(column[index]) for name, column in details.items()}
        yield told


def in_units(
    y: NDArray[Any],
    target: Target,
    loss: Loss,
    pipeline: Pipeline,
    windows: Windows | None = None,
    intervals: Intervals | None = None,
) -> dict[str, NDArray[np.float64]]:
    """What outputs say of values, (n, d) by name in the target's own units; the `prediction` first."""
    found = stated(y, target, loss)
    if intervals is not None:
        found |= intervals.around(found)
    made = {name: pipeline.invert_target(values, target) for name, values in found.items()}
    return made if windows is None else {name: windows.to_units(values) for name, values in made.items()}


def _details(found: dict[str, NDArray[Any]], target: Target) -> dict[str, NDArray[Any]]:
    """What is said beside each value, by name; of several columns, by column and name."""
    columns = target.columns
    return {
        name if len(columns) == 1 else f"{column}_{name}": values[:, place]
        for name, values in found.items()
        for place, column in enumerate(columns)
    }
