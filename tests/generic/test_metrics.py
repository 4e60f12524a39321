"""The laws of every metric, for every kind of target that it takes."""

from __future__ import annotations

import json
from math import isfinite, isnan
from typing import Any

import numpy as np
import pytest

from bpcli.core.backend import backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.data.records import Batch, Target
from bpcli.losses.base import Loss
from bpcli.metrics._prediction import Prediction
from bpcli.metrics.base import Metric
from bpcli.spec.registry import family

N = 60
KINDS: dict[str, tuple[Target, str]] = {
    "2 classes, 1 output": (Target("classes", ("c",), ("no", "yes"), (40, 20), N), "binary_cross_entropy"),
    "2 classes, a margin": (Target("classes", ("c",), ("no", "yes"), (40, 20), N), "hinge"),
    "2 classes, 2 outputs": (Target("classes", ("c",), ("no", "yes"), (40, 20), N), "cross_entropy"),
    "4 classes": (Target("classes", ("c",), ("a", "b", "c", "d"), (20, 20, 10, 10), N), "cross_entropy"),
    "3 columns of 0/1": (
        Target("binary_columns", ("u", "v", "w"), counts=(30, 10, 50), rows=N),
        "binary_cross_entropy",
    ),
    "1 value": (Target("values", ("x",), rows=N, mean=(0.4,)), "mse"),
    "3 values": (Target("values", ("x", "y", "z"), rows=N, mean=(0.4, 0.3, 0.2)), "mse"),
    "a class for each step": (
        Target("classes", ("c",), ("a", "b", "c"), (90, 90, 90), N, positions=(3,)),
        "cross_entropy",
    ),
    "a series": (Target("values", ("x+1", "x+2"), rows=N, mean=(0.4, 0.3), scale=(0.7, 0.9)), "mse"),
}


def cases() -> list[Any]:
    found: list[Any] = []
    for cls in family("metrics").classes().values():
        for example in cls.examples:
            metric: Any = cls.model_validate(example.fields)
            for name, (target, loss_name) in KINDS.items():
                loss: Any = family("losses")[loss_name].model_validate({})
                if target.kind in metric.targets and not refused(metric, target, loss):
                    found.append(pytest.param(metric, target, loss, id=f"{metric.short()} on {name}"))
    return found


def refused(metric: Metric, target: Target, loss: Loss) -> bool:
    from bpcli.errors import ConfigError

    try:
        metric.check(target, loss)
    except ConfigError:
        return True
    return False


CASES = cases()
every_case = pytest.mark.parametrize(("metric", "target", "loss"), CASES)


def truth(target: Target) -> Any:
    rng = np.random.default_rng(8)
    if target.kind == "classes":
        if target.positions:  # rows of 1 to 3 steps
            found = rng.integers(0, target.width, (N, *target.positions))
            found[np.arange(target.positions[0]) > rng.integers(0, 3, N)[:, None]] = -1
            return found
        return rng.permutation(np.arange(N) % target.width)
    if target.kind == "binary_columns":
        return (rng.random((N, target.width)) < 0.4).astype(np.float32)
    return rng.normal(size=(N, target.width)).astype(np.float32)


def outputs(target: Target, loss: Loss, seed: int) -> Any:
    y = np.random.default_rng(seed).normal(size=(N, *target.positions, loss.units(target))).astype(np.float32)
    y[: N // 4] = np.round(y[: N // 4])  # some ties
    return y


def perfect(target: Target, loss: Loss, t: Any) -> Any:
    if target.kind == "values":
        return t.copy()
    if target.kind == "binary_columns" or loss.units(target) == 1:
        return np.where(t > 0.5, 60, -60).astype(np.float32).reshape(N, -1)
    return (60 * np.eye(target.width)[t]).astype(np.float32)


def prediction(y: Any, t: Any, loss: Loss) -> Prediction:
    norm = loss.weight(Batch(y, t))
    value, _ = loss(y, Batch(y, t), norm, Ctx(Pass(backend())))
    return Prediction(y, t, loss, value * norm, norm)


def numbers(value: Any) -> list[float]:
    """All numbers in a metric's value."""
    return [number for part in value for number in numbers(part)] if isinstance(value, list) else [value]


def test_every_metric_has_examples_and_a_case_for_every_kind_it_declares():
    for name, cls in family("metrics").classes().items():
        kinds = {case.values[1].kind for case in CASES if case.values[0].type == name}
        assert kinds == set(cls.targets), name  # type: ignore[attr-defined]


@every_case
def test_any_cut_of_the_rows_gives_the_same(metric: Metric, target: Target, loss: Loss):
    t, y = truth(target), outputs(target, loss, 1)
    given = metric.sums(prediction(y, t, loss), target)
    assert isinstance(given, tuple) or given.dtype == np.float64
    whole = np.asarray(given, np.float64)
    rng = np.random.default_rng(4)
    for _ in range(5):
        order = rng.permutation(N)
        cuts = np.split(order, np.sort(rng.choice(np.arange(1, N), 4, replace=False)))
        parts = [np.asarray(metric.sums(prediction(y[rows], t[rows], loss), target)) for rows in cuts]
        if metric.whole:
            again = metric.value(np.concatenate(parts), target)
        else:
            assert all(part.shape == whole.shape for part in parts)
            # what cannot be measured in float32 outputs, the loss of a batch, is summed in another order
            np.testing.assert_allclose(
                sum(parts), whole, rtol=1e-6 if metric.type == "loss" else 1e-12, atol=1e-12
            )
            again = metric.value(np.sum(parts, axis=0), target)
        np.testing.assert_allclose(
            numbers(again),
            numbers(metric.value(whole, target)),
            rtol=1e-6 if metric.type == "loss" else 1e-12,
        )


@every_case
def test_the_value_is_plain_json(metric: Metric, target: Target, loss: Loss):
    value = metric.value(
        metric.sums(prediction(outputs(target, loss, 2), truth(target), loss), target), target
    )
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert all(isinstance(number, (int, float)) and isfinite(number) for number in numbers(value))


@every_case
def test_nothing_beats_perfect_predictions(metric: Metric, target: Target, loss: Loss):
    t = truth(target)
    best = metric.value(metric.sums(prediction(perfect(target, loss, t), t, loss), target), target)
    if metric.type == "confusion_matrix":
        assert best == np.diag(np.bincount(t[t >= 0])).tolist()
        return
    expected = {True: 1.0, False: 1.0 if metric.type == "perplexity" else 0.0}[metric.higher_is_better]
    assert numbers(best) == pytest.approx([expected] * len(numbers(best)), abs=1e-12)
    for seed in range(10):
        value = metric.value(metric.sums(prediction(outputs(target, loss, seed), t, loss), target), target)
        for one, other in zip(numbers(best), numbers(value), strict=True):
            assert one >= other if metric.higher_is_better else one <= other


@every_case
def test_no_rows_are_undefined_and_no_crash(metric: Metric, target: Target, loss: Loss):
    sums = metric.sums(prediction(outputs(target, loss, 3), truth(target), loss), target)
    value = metric.value(sums[:0] if metric.whole else np.zeros_like(sums), target)
    if metric.type == "confusion_matrix":
        assert not np.any(value)
    elif target.kind != "binary_columns":
        assert all(isnan(number) or number == 0 for number in numbers(value))


@every_case
def test_outputs_of_one_class_only_do_not_crash(metric: Metric, target: Target, loss: Loss):
    y = np.ones_like(outputs(target, loss, 0))
    t = np.zeros_like(truth(target))
    with np.errstate(all="raise"):
        value = metric.value(metric.sums(prediction(y, t, loss), target), target)
    json.dumps(value)
    if metric.type in ("roc_auc", "r2"):
        assert isnan(value)


@every_case
def test_the_label_is_a_name_of_its_own(metric: Metric, target: Target, loss: Loss):
    assert metric.label().startswith(metric.type.split("_")[0])
    examples = type(metric).examples
    assert len({type(metric).model_validate(e.fields).label() for e in examples}) == len(examples)  # type: ignore[attr-defined]
