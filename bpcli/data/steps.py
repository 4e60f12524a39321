"""A transform with what it learnt, and values through one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bpcli.data.records import Column, Target
from bpcli.data.transforms.base import Fitted, Transform
from bpcli.spec.registry import family


@dataclass(frozen=True, slots=True)
class Step:
    """A transform with what it learnt from the training part."""

    transform: Transform
    fitted: Fitted


def value_columns(target: Target) -> list[tuple[int, str]]:
    """(place in y, name) of each column of values: all of one target's, and of several those that are."""
    if target.kind != "several":
        return list(enumerate(target.columns)) if target.kind == "values" else []
    kinds = [one.kind for one in target.parts for _ in one.columns]
    return [
        (index, name)
        for index, (name, kind) in enumerate(zip(target.columns, kinds, strict=True))
        if kind == "values"
    ]


def through(
    function: Callable[[Sequence[Column], Fitted], list[Column]], y: NDArray[Any], target: Target, step: Step
) -> NDArray[np.float64]:
    """y (n, d) through a transform of the target, forth or back; what is no value stays as it is."""
    chosen = value_columns(target)
    made = function([Column(name, "number", y[:, index]) for index, name in chosen], step.fitted)
    result = y.astype(np.float64)
    result[:, [index for index, _ in chosen]] = np.column_stack([column.values for column in made])
    return result


def step_tree(step: Step) -> dict[str, Any]:
    fields = step.transform.model_dump(mode="json") | {"type": step.transform.type}
    return {"transform": fields, "fitted": step.fitted}


def step_from(tree: dict[str, Any]) -> Step:
    fields = tree["transform"]
    transform = family("transforms")[fields["type"]].model_validate(fields)
    if not isinstance(transform, Transform):
        raise TypeError(f"{fields['type']} is no transform")
    return Step(transform, tree["fitted"])


def target_tree(target: Target) -> dict[str, Any]:
    tree: dict[str, Any] = {
        "kind": target.kind, "columns": list(target.columns), "labels": list(target.labels),
        "counts": list(target.counts), "rows": target.rows, "mean": list(target.mean),
    }  # fmt: skip
    if target.positions:
        tree["positions"] = list(target.positions)
    if target.scale:
        tree["scale"] = list(target.scale)
    if target.ends:
        tree |= {"ends": True, "joint": target.joint}
    if target.parts:
        tree |= {"parts": [target_tree(one) for one in target.parts], "names": list(target.names)}
    return tree


def target_from(tree: dict[str, Any]) -> Target:
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in tree.items()}
    if "parts" in fields:
        fields["parts"] = tuple(target_from(part) for part in fields["parts"])
    return Target(**cast("dict[str, Any]", fields))
