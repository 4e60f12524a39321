"""From named columns to the net's input: fitted on the training part, stored with the model."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bpcli.core.store import Symbols
from bpcli.data.bytepair import Merges
from bpcli.data.cells import is_number, label_of
from bpcli.data.columns import Feature, fill, match, placed
from bpcli.data.forcing import with_previous
from bpcli.data.inputs import Named
from bpcli.data.records import Column, Records, Target
from bpcli.data.sources.base import Layout
from bpcli.data.steps import Step, step_from, step_tree, target_from, target_tree, through
from bpcli.data.vocabulary import padded
from bpcli.errors import CheckpointError, DataError

#: Rows are prepared in portions of about this many numbers, so that float64 copies of images stay small.
_PORTION = 1 << 20
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Everything between a file's columns and the net's arrays, both ways.

    `outputs` names the input's features (an array column is one name), `shape` is the input without the batch
    axis; with `inputs`, the columns that each is made of, a tuple of shapes. `target_step` maps a target of
    kind "values" to what the net is trained on. `width` and `weight` are those of the training file's
    `Records`: its columns if they have no names, and its sample weights' name. `merges` are what the byte
    pairs of running text are made by, where it is cut into such.
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
    merges: Merges | None = None

    @property
    def vocabularies(self) -> tuple[tuple[str, ...], ...]:
        """The vocabulary of each input; empty where it is none of symbols."""
        known = {
            name: tuple(vocabulary)
            for step in self.steps
            if step.transform.numbers_symbols
            for name, vocabulary in step.fitted.items()
        }
        columns = [names[0] for _, names in self.inputs] or [self.outputs[0]]
        return tuple(known.get(name, ()) for name in columns)

    @property
    def symbols(self) -> Symbols:
        """What an embedding has to know of the inputs."""
        lengths_differ = any(step.transform.pads for step in self.steps) or self.target.ends
        counts = tuple(map(len, self.vocabularies))
        return Symbols((*counts, len(self.target.labels)) if self.target.ends else counts, lengths_differ)

    @property
    def net_shape(self) -> tuple[Any, ...]:
        """The shape of a row of all that the net gets as it learns, of several inputs a tuple."""
        return with_previous(self.shape, self.target) if self.target.ends else self.shape

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
        x: list[Any] = [None] * len(shapes)
        symbols: dict[int, list[NDArray[np.int32]]] = {}
        for rows in _portions(len(records), sum(map(math.prod, shapes))):
            with placed(records, rows.start):
                made = [replace(column, values=column.values[rows]) for column in columns]
                for step in self.steps:
                    made = step.transform.apply(made, step.fitted)
                for number, (shape, part) in enumerate(zip(shapes, self._shared_out(made), strict=True)):
                    if part[0].kind == "symbols":
                        symbols.setdefault(number, []).append(part[0].values)
                        continue
                    if x[number] is None:
                        x[number] = np.empty((len(records), *shape), dtype=dtype)
                    fill(x[number][rows], part)
        for number, parts in symbols.items():
            x[number] = padded(parts)
        if not len(records):
            x = [np.empty((0, *shape), dtype=dtype) for shape in shapes]
        return tuple(x) if self.inputs else x[0]

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
            y = through(self.target_step.transform.apply, y, self.target, self.target_step)
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
        return through(self.target_step.transform.invert, values, part or self.target, self.target_step)

    def to_json(self) -> str:
        """Canonical JSON: equal pipelines give equal text, and every number comes back exactly."""
        tree = {
            "version": _VERSION,
            "features": [[feature.name, feature.kind, list(feature.shape)] for feature in self.features],
            "steps": [step_tree(step) for step in self.steps],
            "outputs": list(self.outputs),
            "shape": list(self.shape),
            "target": target_tree(self.target),
            "target_step": None if self.target_step is None else step_tree(self.target_step),
            "width": self.width,
        }  # fmt: skip
        if self.weight:
            tree["weight"] = self.weight
        if self.inputs:
            tree["inputs"] = [[name, list(columns)] for name, columns in self.inputs]
        if self.merges is not None:
            tree["merges"] = [list(pair) for pair in self.merges]
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
                steps=tuple(map(step_from, tree["steps"])),
                outputs=tuple(tree["outputs"]),
                shape=tuple(map(tuple, tree["shape"])) if inputs else tuple(tree["shape"]),
                target=target_from(tree["target"]),
                target_step=None if tree["target_step"] is None else step_from(tree["target_step"]),
                width=tree["width"],
                weight=str(tree.get("weight", "")),
                inputs=inputs,
                merges=tuple((str(a), str(b)) for a, b in tree["merges"]) if "merges" in tree else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise CheckpointError(f"the stored preprocessing is damaged ({reason})") from None


def _portions(rows: int, numbers: int) -> Iterator[slice]:
    size = max(1, _PORTION // max(1, numbers))
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))
