"""The net's outputs in words: what `predict` tells of each row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bpcli.data.pipeline import Pipeline
    from bpcli.data.records import Target
    from bpcli.losses.base import Loss

Told = dict[str, Any]


def say(y: NDArray[Any], target: Target, loss: Loss, pipeline: Pipeline) -> Iterator[Told]:
    """For each row its prediction, of classes its probabilities, and what else the loss says of it."""
    if target.parts:
        yield from _several(y, target, loss, pipeline)
        return
    predicted = loss.predict(y, np)
    if target.kind == "values":
        yield from _values(
            pipeline.invert_target(predicted, target), target, _details(y, target, loss, pipeline)
        )
    elif target.kind == "binary_columns":
        for row in predicted.tolist():
            chances = dict(zip(target.columns, row, strict=True))
            said = {name: int(chance > 0.5) for name, chance in chances.items()}
            yield {"prediction": said, "probabilities": chances}
    else:
        for row in predicted.tolist():
            label = target.labels[max(range(len(row)), key=row.__getitem__)]
            chances = dict(zip(target.labels, row, strict=True)) if loss.gives_probabilities else None
            yield {"prediction": label, "probabilities": chances}


def _several(y: NDArray[Any], target: Target, loss: Loss, pipeline: Pipeline) -> Iterator[Told]:
    """Each key of a row's telling by the targets' names."""
    streams = [
        say(loss.cut(number).outputs(y), one, part.loss, pipeline)
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


def _details(y: NDArray[Any], target: Target, loss: Loss, pipeline: Pipeline) -> dict[str, NDArray[Any]]:
    """What the loss says beside each value, by name; of several columns, by column and name."""
    columns = target.columns
    return {
        name if len(columns) == 1 else f"{column}_{name}": values[:, place]
        for name, found in loss.details(y, np).items()
        for values in (pipeline.invert_target(found, target),)
        for place, column in enumerate(columns)
    }
