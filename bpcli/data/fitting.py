"""Fits the preprocessing on the training part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpcli.data.columns import Feature, assembled, placed
from bpcli.data.inputs import shared_out
from bpcli.data.pipeline import Pipeline
from bpcli.data.records import Column, Records, Target
from bpcli.data.reuse import check_like
from bpcli.data.several import places
from bpcli.data.steps import Step, through, value_columns
from bpcli.data.transforms.base import Transform
from bpcli.data.transforms.vocabulary import Vocabulary
from bpcli.errors import DataError


def fit(
    records: Records,
    transforms: Sequence[Transform],
    target: Target,
    *,
    target_transform: Transform | None = None,
    y: NDArray[np.float64] | None = None,
    inputs: Mapping[str, str | Sequence[str]] | None = None,
    path: str = "data.preprocess",
    like: Pipeline | None = None,
) -> Pipeline:
    """Fits the transforms, one after the other, on these rows, which must be the training part alone.

    `y` is the encoded target (n, d), needed where `target_transform` is given. `path` is the transforms'
    place in the config, for errors. With `like`, what that pipeline has learnt is taken instead.
    """
    columns = list(records.features)
    features = tuple(Feature(column.name, column.kind, column.values.shape[1:]) for column in columns)
    if like is not None:
        check_like(like, records, features, transforms, target, target_transform)
    steps: list[Step] = []
    for index, transform in enumerate(transforms):
        with placed(records, 0, f"{path}[{index}]"):
            if steps:
                columns = steps[-1].transform.apply(columns, steps[-1].fitted)
            fitted = transform.fit(columns) if like is None else like.steps[index].fitted
            steps.append(Step(transform, fitted))
    with placed(records, 0):
        if _makes_sequences(steps, columns):  # symbols without a vocabulary of their own
            if steps:
                columns = steps[-1].transform.apply(columns, steps[-1].fitted)
            vocabulary = Vocabulary.model_validate({})
            steps.append(Step(vocabulary, vocabulary.fit(columns) if like is None else like.steps[-1].fitted))
        # The last step is only tried on one row: what it makes, but not its values, is needed here.
        columns = [replace(column, values=column.values[:1]) for column in columns]
        if steps:
            columns = steps[-1].transform.apply(columns, steps[-1].fitted)
        named = shared_out(columns, inputs) if inputs else ()
        if named:
            known = {column.name: column for column in columns}
            made = [assembled([known[name] for name in names], records) for _, names in named]
            outputs, shape = tuple(name for names, _ in made for name in names), tuple(s for _, s in made)
        else:
            outputs, shape = assembled(columns, records)
    step = None if like is None else like.target_step
    if target_transform is not None and step is None:
        step = _fit_target_step(target_transform, target, y, records)
    if step is not None and y is not None:
        target = _with_means(target, through(step.transform.apply, y, target, step))
    return Pipeline(
        features, tuple(steps), outputs, shape, target, step, records.width, records.weight_name, named
    )


def _makes_sequences(steps: Sequence[Step], columns: Sequence[Column]) -> bool:
    """Whether the last step leaves symbols of which no number is known yet."""
    few = [replace(column, values=column.values[:1]) for column in columns]
    made = steps[-1].transform.apply(few, steps[-1].fitted) if steps else few
    return any(column.kind == "sequence" for column in made)


def _fit_target_step(
    transform: Transform, target: Target, y: NDArray[np.float64] | None, records: Records
) -> Step:
    if y is None or not value_columns(target):
        raise DataError(
            f"target_transform is for values, and the target is {target.kind.replace('_', ' ')}",
            path="data.target_transform",
            hint="leave it out",
        )
    columns = [Column(name, "number", y[:, index]) for index, name in value_columns(target)]
    with placed(records, 0, "data.target_transform"):
        fitted = transform.fit(columns)
        transform.invert(columns[:0], fitted)  # refuses now, not after training, what cannot be undone
    return Step(transform, fitted)


def _with_means(target: Target, y: NDArray[Any]) -> Target:
    """The target with the means of its columns as the net is trained on them."""
    if target.kind != "several":
        return replace(target, mean=tuple(y.mean(axis=0).tolist()))
    parts = [
        _with_means(one, y[:, where]) if one.kind == "values" else one
        for one, where in zip(target.parts, places(target), strict=True)
    ]
    return replace(target, parts=tuple(parts))
