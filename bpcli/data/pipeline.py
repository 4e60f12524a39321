"""From named columns to the net's input: fitted on the training part, stored with the model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bpcli.data.cells import is_number, label_of
from bpcli.data.columns import Feature, assembled, fill, match, placed
from bpcli.data.inputs import Named, shared_out
from bpcli.data.records import Column, Records, Target
from bpcli.data.reuse import check_like
from bpcli.data.several import places
from bpcli.data.sources.base import Layout
from bpcli.data.transforms.base import Fitted, Transform
from bpcli.errors import CheckpointError, DataError
from bpcli.spec.registry import family

#: Rows are prepared in portions of about this many numbers, so that float64 copies of images stay small.
_PORTION = 1 << 20
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Step:
    """A transform with what it learnt from the training part."""

    transform: Transform
    fitted: Fitted


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Everything between a file's columns and the net's arrays, both ways.

    `outputs` names the input's features (an array column is one name), `shape` is the input without the batch
    axis; with `inputs`, the columns that each is made of, a tuple of shapes. `target_step` maps a target of
    kind "values" to what the net is trained on. `width` and `weight` are those of the training file's
    `Records`: its columns if they have no names, and its sample weights' name.
    """

    features: tuple[Feature, ...]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    shape: tuple[Any, ...]
    target: Target
    target_step: Step | None = None
    width: int = 0
    weight: str = ""
    inputs: tuple[Named, ...] = ()

    @property
    def layout(self) -> Layout:
        """What the training file looked like, for reading others like it."""
        kinds = {feature.name: feature.kind for feature in self.features}
        for target in self.target.parts or (self.target,):
            if not all(is_number(label) and label_of(float(label)) == label for label in target.labels):
                kinds[target.columns[0]] = "text"  # so that a label "01" of another file stays "01"
        return Layout(kinds, self.target.columns, self.width, self.weight)

    def apply(self, records: Records, dtype: DTypeLike = np.float32) -> Any:
        """x (n, *shape) of these rows, or a tuple of several; columns are matched by name, others ignored.

        DataError names the file, the rows and the column of whatever cannot be used.
        """
        columns = match(self.features, records)
        shapes = self.shape if self.inputs else (self.shape,)
        x = tuple(np.empty((len(records), *shape), dtype=dtype) for shape in shapes)
        for rows in _portions(len(records), sum(map(math.prod, shapes))):
            with placed(records, rows.start):
                made = [replace(column, values=column.values[rows]) for column in columns]
                for step in self.steps:
                    made = step.transform.apply(made, step.fitted)
                for array, part in zip(x, self._shared_out(made), strict=True):
                    fill(array[rows], part)
        return x if self.inputs else x[0]

    def _shared_out(self, columns: Sequence[Column]) -> list[Sequence[Column]]:
        """The prepared columns of each input."""
        if not self.inputs:
            return [columns]
        known = {column.name: column for column in columns}
        return [[known[name] for name in names] for _, names in self.inputs]

    def targets(self, y: NDArray[Any], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """The encoded target as the net is trained on it: class numbers as they are, else in `dtype`."""
        if self.target.kind == "classes":
            return y
        if self.target_step is not None:
            y = _through(self.target_step.transform.apply, y, self.target, self.target_step)
        with np.errstate(over="ignore"):
            made = y.astype(dtype)
        if not np.isfinite(made).all():
            raise DataError(
                f"the target holds {np.abs(y).max():g}, too large for {np.dtype(dtype).name}",
                hint="set data.target_transform: standardize",
            )
        return made

    def invert_target(self, values: NDArray[Any], part: Target | None = None) -> NDArray[np.float64]:
        """Predictions (n, d) back in the target's own units, float64; of several targets, those of `part`."""
        values = np.asarray(values, dtype=np.float64)
        if self.target_step is None:
            return values
        return _through(self.target_step.transform.invert, values, part or self.target, self.target_step)

    def to_json(self) -> str:
        """Canonical JSON: equal pipelines give equal text, and every number comes back exactly."""
        tree = {
            "version": _VERSION,
            "features": [[feature.name, feature.kind, list(feature.shape)] for feature in self.features],
            "steps": [_step_tree(step) for step in self.steps],
            "outputs": list(self.outputs),
            "shape": list(self.shape),
            "target": _target_tree(self.target),
            "target_step": None if self.target_step is None else _step_tree(self.target_step),
            "width": self.width,
        }  # fmt: skip
        if self.weight:
            tree["weight"] = self.weight
        if self.inputs:
            tree["inputs"] = [[name, list(columns)] for name, columns in self.inputs]
        return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Pipeline:
        """The pipeline that `to_json` wrote; CheckpointError if the text is not one."""
        try:
            tree = json.loads(text)
            if tree["version"] != _VERSION:
                raise CheckpointError(
                    f"the stored preprocessing has version {tree['version']}, this bpcli reads {_VERSION}",
                    hint="upgrade bpcli",
                )
            inputs = tuple((name, tuple(columns)) for name, columns in tree.get("inputs", ()))
            return cls(
                features=tuple(Feature(name, kind, tuple(shape)) for name, kind, shape in tree["features"]),
                steps=tuple(map(_step_from, tree["steps"])),
                outputs=tuple(tree["outputs"]),
                shape=tuple(map(tuple, tree["shape"])) if inputs else tuple(tree["shape"]),
                target=_target_from(tree["target"]),
                target_step=None if tree["target_step"] is None else _step_from(tree["target_step"]),
                width=tree["width"],
                weight=str(tree.get("weight", "")),
                inputs=inputs,
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise CheckpointError(f"the stored preprocessing is damaged ({reason})") from None


def fit(
    records: Records,
    transforms: Sequence[Transform],
    target: Target,
    *,
    target_transform: Transform | None = None,
    y: NDArray[np.float64] | None = None,
    inputs: Mapping[str, Sequence[str]] | None = None,
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
        target = _with_means(target, _through(step.transform.apply, y, target, step))
    return Pipeline(
        features, tuple(steps), outputs, shape, target, step, records.width, records.weight_name, named
    )


def _fit_target_step(
    transform: Transform, target: Target, y: NDArray[np.float64] | None, records: Records
) -> Step:
    if y is None or not _value_columns(target):
        raise DataError(
            f"target_transform is for values, and the target is {target.kind.replace('_', ' ')}",
            path="data.target_transform",
            hint="leave it out",
        )
    columns = [Column(name, "number", y[:, index]) for index, name in _value_columns(target)]
    with placed(records, 0, "data.target_transform"):
        fitted = transform.fit(columns)
        transform.invert(columns[:0], fitted)  # refuses now, not after training, what cannot be undone
    return Step(transform, fitted)


def _value_columns(target: Target) -> list[tuple[int, str]]:
    """(place in y, name) of each column of values: all of one target's, and of several those that are."""
    if target.kind != "several":
        return list(enumerate(target.columns)) if target.kind == "values" else []
    kinds = [one.kind for one in target.parts for _ in one.columns]
    return [
        (index, name)
        for index, (name, kind) in enumerate(zip(target.columns, kinds, strict=True))
        if kind == "values"
    ]


def _with_means(target: Target, y: NDArray[Any]) -> Target:
    """The target with the means of its columns as the net is trained on them."""
    if target.kind != "several":
        return replace(target, mean=tuple(y.mean(axis=0).tolist()))
    parts = [
        _with_means(one, y[:, where]) if one.kind == "values" else one
        for one, where in zip(target.parts, places(target), strict=True)
    ]
    return replace(target, parts=tuple(parts))


def _through(
    function: Callable[[Sequence[Column], Fitted], list[Column]], y: NDArray[Any], target: Target, step: Step
) -> NDArray[np.float64]:
    """y (n, d) through a transform of the target, forth or back; what is no value stays as it is."""
    chosen = _value_columns(target)
    made = function([Column(name, "number", y[:, index]) for index, name in chosen], step.fitted)
    result = y.astype(np.float64)
    result[:, [index for index, _ in chosen]] = np.column_stack([column.values for column in made])
    return result


def _portions(rows: int, numbers: int) -> Iterator[slice]:
    size = max(1, _PORTION // max(1, numbers))
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def _step_tree(step: Step) -> dict[str, Any]:
    fields = step.transform.model_dump(mode="json") | {"type": step.transform.type}
    return {"transform": fields, "fitted": step.fitted}


def _step_from(tree: dict[str, Any]) -> Step:
    fields = tree["transform"]
    transform = family("transforms")[fields["type"]].model_validate(fields)
    if not isinstance(transform, Transform):
        raise TypeError(f"{fields['type']} is no transform")
    return Step(transform, tree["fitted"])


def _target_tree(target: Target) -> dict[str, Any]:
    tree: dict[str, Any] = {
        "kind": target.kind, "columns": list(target.columns), "labels": list(target.labels),
        "counts": list(target.counts), "rows": target.rows, "mean": list(target.mean),
    }  # fmt: skip
    if target.parts:
        tree |= {"parts": [_target_tree(one) for one in target.parts], "names": list(target.names)}
    return tree


def _target_from(tree: dict[str, Any]) -> Target:
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in tree.items()}
    if "parts" in fields:
        fields["parts"] = tuple(_target_from(part) for part in fields["parts"])
    return Target(**cast("dict[str, Any]", fields))
