"""The laws of every loss, for every kind of target that it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.backend import backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.data.records import Batch, Target
from bpcli.errors import ConfigError
from bpcli.losses.base import Loss
from bpcli.losses.mse import Mse
from bpcli.metrics._prediction import Prediction
from bpcli.spec.registry import family
from tests.generic.namespace import RestrictedBackend

N = 7
TARGETS = {
    "2 classes": Target("classes", ("c",), ("no", "yes"), (4, 3), N),
    "4 classes": Target("classes", ("c",), ("a", "b", "c", "d"), (2, 2, 2, 1), N),
    "3 columns of 0/1": Target("binary_columns", ("u", "v", "w"), counts=(3, 1, 5), rows=N),
    "1 value": Target("values", ("x",), rows=N, mean=(0.4,)),
    "3 values": Target("values", ("x", "y", "z"), rows=N, mean=(0.4, 0.3, 0.3)),
}
TARGETS["a value and 4 classes"] = Target(
    "several", ("x", "c"), rows=N, parts=(TARGETS["1 value"], TARGETS["4 classes"]), names=("x", "c")
)


def workspace() -> Ctx:
    return Ctx(Pass(backend()))


def instances() -> list[Loss]:
    return [cls.model_validate(e.fields) for cls in family("losses").classes().values() for e in cls.examples]  # type: ignore[misc]


def accepts(loss: Loss, target: Target) -> bool:
    try:
        if target.parts:
            pairs = zip(loss.several(), target.parts, strict=True)
            return bool(loss.several()) and all(accepts(part.loss, own) for part, own in pairs)
        return target.kind in loss.targets and loss.units(target) > 0
    except ConfigError:
        return False


CASES = [
    pytest.param(loss.bound(target), target, id=f"{loss.short()} on {name}")
    for loss in instances()
    for name, target in TARGETS.items()
    if accepts(loss, target)
]
every_case = pytest.mark.parametrize(("loss", "target"), CASES)


def draw(loss: Loss, target: Target, dtype: Any = np.float64, n: int = N) -> tuple[Any, Any]:
    """(outputs, targets): what the loss may see, away from its kinks."""
    rng = np.random.default_rng(5)
    y = rng.normal(size=(n, loss.units(target)))
    if loss.head_activation == "sigmoid":
        y = 1 / (1 + np.exp(-y))
    if target.parts:
        drawn = [
            draw(part.loss, own, dtype, n) for part, own in zip(loss.several(), target.parts, strict=True)
        ]
        return (
            np.concatenate([y for y, _ in drawn], axis=1),
            np.concatenate([t.reshape(n, -1).astype(drawn[0][0].real.dtype) for _, t in drawn], axis=1),
        )
    if target.kind == "classes":
        t = rng.permutation(np.arange(n) % target.width)
    elif target.kind == "binary_columns":
        t = rng.integers(0, 2, (n, target.width)).astype(np.float64)
    else:
        t = rng.dirichlet(np.ones(target.width), n)
    return y.astype(dtype), t if t.dtype.kind == "i" else t.astype(np.dtype(dtype).type(0).real.dtype)


def value_and_gradient(loss: Loss, y: Any, batch: Batch) -> tuple[Any, Any]:
    norm = loss.weight(batch)
    value, dy = loss(y, batch, norm, workspace())
    return value, dy.copy()


def numerical(loss: Loss, y: Any, batch: Batch) -> Any:
    """dL/dy, output by output: the complex step where the loss is smooth, else central differences."""
    norm = loss.weight(batch)

    def value(at: Any) -> Any:
        return loss(at, batch, norm, workspace())[0]

    gradient = np.zeros_like(y)
    for index in np.ndindex(*y.shape):
        if loss.smooth:
            at = y.astype(np.complex128)
            at[index] += 1e-20j
            gradient[index] = value(at).imag / 1e-20
        else:
            up, down = y.copy(), y.copy()
            up[index] += 1e-6
            down[index] -= 1e-6
            gradient[index] = (value(up) - value(down)) / 2e-6
    return gradient


def error(loss: Loss, y: Any, batch: Batch) -> float:
    _, dy = value_and_gradient(loss, y, batch)
    expected = numerical(loss, y, batch)
    return float(np.abs(dy - expected).max() / np.abs(expected).max())


def test_every_loss_has_examples_and_a_case_for_every_kind_it_declares():
    cases: list[Any] = [case.values for case in CASES]
    for loss in instances():
        assert loss.targets, loss.type
        for kind in loss.targets:
            assert any(one.type == loss.type and target.kind == kind for one, target in cases), (
                loss.type,
                kind,
            )
    assert {loss.type for loss in instances()} == set(family("losses"))


@every_case
@pytest.mark.parametrize("weighted", [False, True])
def test_value_and_gradient_agree(loss: Loss, target: Target, weighted: bool):
    y, t = draw(loss, target)
    weight = np.random.default_rng(1).uniform(0.2, 3, N) if weighted else None
    assert error(loss, y, Batch(y, t, weight)) < (1e-13 if loss.smooth else 1e-8)


def test_a_gradient_that_is_wrong_by_a_thousandth_is_caught():
    class Broken(Mse):
        def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
            losses, dy = super().rows(y, t, ctx)
            dy *= 1.001
            return losses, dy

    y, t = draw(Mse(), TARGETS["3 values"])
    assert error(Broken(), y, Batch(y, t)) > 1e-4


@every_case
def test_it_computes_with_what_numpy_and_cupy_both_have(loss: Loss, target: Target):
    y, t = draw(loss, target)
    value, dy = value_and_gradient(loss, y, Batch(y, t))
    ctx = Ctx(Pass(RestrictedBackend()))
    again, d = loss(y, Batch(y, t), loss.weight(Batch(y, t)), ctx)
    assert again == value
    np.testing.assert_array_equal(d, dy)
    np.testing.assert_array_equal(loss.predict(y, ctx.xp), loss.predict(y, np))


@every_case
def test_rows_of_weight_zero_teach_nothing(loss: Loss, target: Target):
    y, t = draw(loss, target)
    weight = np.array([1.0, 0.0] * N)[:N]
    value, dy = value_and_gradient(loss, y, Batch(y, t, weight))
    kept = weight > 0
    alone, expected = value_and_gradient(loss, y[kept], Batch(y[kept], t[kept]))
    assert not dy[~kept].any()
    assert value == pytest.approx(alone, rel=1e-13)
    np.testing.assert_allclose(dy[kept], expected, rtol=1e-13)


@every_case
def test_batches_with_a_common_norm_add_up_to_the_whole(loss: Loss, target: Target):
    y, t = draw(loss, target)
    weight = np.random.default_rng(2).uniform(0.2, 3, N)
    whole = Batch(y, t, weight)
    norm = loss.weight(whole)
    value, dy = value_and_gradient(loss, y, whole)
    ctx = workspace()
    total, parts, norms = 0.0, [], 0.0
    for rows in (slice(0, 3), slice(3, 4), slice(4, N)):
        batch = Batch(y[rows], t[rows], weight[rows])
        part, d = loss(y[rows], batch, norm, ctx)
        total, norms = total + part, norms + loss.weight(batch)
        parts.append(d.copy())
    assert total == pytest.approx(value, rel=1e-13)
    assert norms == pytest.approx(norm, rel=1e-13)
    np.testing.assert_allclose(np.concatenate(parts), dy, rtol=1e-13)


@every_case
@pytest.mark.parametrize("size", [1e4, -1e4, 0.0])
def test_extreme_outputs_stay_finite_in_float32(loss: Loss, target: Target, size: float):
    y, t = draw(loss, target, np.float32)
    y[...] = size
    y[::2] *= -1
    y[1:3, 0] = 1
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value, dy = value_and_gradient(loss, y, Batch(y, t))
    assert np.isfinite(value)
    assert np.isfinite(dy).all()


@every_case
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_the_dtype_is_kept_and_the_inputs_too(loss: Loss, target: Target, dtype: Any):
    y, t = draw(loss, target, dtype)
    before = y.copy(), t.copy()
    ctx = workspace()
    losses, dy = loss.rows(y, t, ctx)
    assert losses.shape == (N,)
    assert dy.shape == y.shape
    assert losses.dtype == dy.dtype == y.dtype
    first = losses.copy(), dy.copy()
    again = loss.rows(y, t, ctx)  # the same buffers: what lay in them must not matter
    np.testing.assert_array_equal(again[0], first[0])
    np.testing.assert_array_equal(again[1], first[1])
    np.testing.assert_array_equal(y, before[0])
    np.testing.assert_array_equal(t, before[1])
    value, _ = loss(y, Batch(y, t, np.ones(N)), float(N), ctx)
    assert isinstance(value, complex if np.dtype(dtype).kind == "c" else float)


@every_case
def test_the_three_precisions_agree(loss: Loss, target: Target):
    y, t = draw(loss, target)
    exact, _ = value_and_gradient(loss, y, Batch(y, t))
    single, _ = value_and_gradient(loss, y.astype(np.float32), Batch(y, t))
    double, _ = value_and_gradient(loss, y.astype(np.complex128), Batch(y, t))
    assert single == pytest.approx(exact, rel=1e-5)
    assert double.real == pytest.approx(exact, rel=1e-13)


@every_case
def test_evaluation_leaves_out_what_is_meant_for_training(loss: Loss, target: Target):
    plain = loss.for_evaluation()
    assert plain.for_evaluation() == plain
    assert type(plain) is type(loss)
    assert plain.units(target) == loss.units(target)
    _, t = draw(loss, target)
    assert plain.row_weights(t, target) is None


@every_case
def test_the_baseline_is_one_finite_row_of_outputs(loss: Loss, target: Target):
    constant = loss.baseline(target)
    assert len(constant) == loss.units(target)
    assert np.isfinite(constant).all()
    assert all(isinstance(number, float) for number in constant)
    if target.kind == "classes":
        y = np.tile(constant, (3, 1))
        assert (Prediction(y, np.zeros(3, int), loss).labels == np.argmax(target.counts)).all()


@every_case
def test_predictions_have_a_column_for_each_class_or_target(loss: Loss, target: Target):
    y, t = draw(loss, target)
    if target.parts:  # predictions are made part by part, from these columns
        parts = [
            (loss.cut(j).outputs(y), part.loss.units(own))
            for j, (part, own) in enumerate(zip(loss.several(), target.parts, strict=True))
        ]
        assert [part.shape[1] for part, _ in parts] == [units for _, units in parts]
        return
    before = y.copy()
    p = loss.predict(y, np)
    assert p.shape == (N, target.width)
    np.testing.assert_array_equal(y, before)
    if target.kind == "classes":
        np.testing.assert_array_equal(p.argmax(axis=1), Prediction(y, t, loss).labels)
    if target.kind != "values" and loss.gives_probabilities:
        assert ((p >= 0) & (p <= 1)).all()
        if target.kind == "classes":
            np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-13)
