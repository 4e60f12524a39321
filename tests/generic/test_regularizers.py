"""The laws of every penalty."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.backend import backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.regularizers.base import Constraint, Regularizer
from bpcli.regularizers.l2 import L2
from bpcli.regularizers.max_norm import MaxNorm
from bpcli.spec.registry import family
from tests.generic.namespace import RestrictedBackend

ALL = [
    pytest.param(cls.model_validate(example.fields), id=f"{name} {dict(example.fields)}")
    for name, cls in family("regularizers").classes().items()
    for example in cls.examples
]
CASES = [case for case in ALL if not isinstance(case.values[0], Constraint)]
CONSTRAINTS = [case for case in ALL if isinstance(case.values[0], Constraint)]
every_case = pytest.mark.parametrize("penalty", CASES)
every_constraint = pytest.mark.parametrize("constraint", CONSTRAINTS)


def workspace() -> Ctx:
    return Ctx(Pass(backend()))


def weights(dtype: Any = np.float64) -> Any:
    return np.random.default_rng(3).normal(size=9).astype(dtype)


def error(penalty: Regularizer, w: Any) -> float:
    """The largest error of the gradient, relative to its scale."""
    _, g = penalty.penalty(w, workspace())
    expected = np.zeros_like(w)
    for index in range(len(w)):
        if penalty.smooth:
            at = w.astype(np.complex128)
            at[index] += 1e-20j
            expected[index] = penalty.penalty(at, workspace())[0].imag / 1e-20
        else:
            step = 1e-6 * np.eye(len(w))[index]
            ends = [penalty.penalty(w + sign * step, workspace())[0] for sign in (1, -1)]
            expected[index] = (ends[0] - ends[1]) / 2e-6
    return float(np.abs(g - expected).max() / np.abs(expected).max())


def test_every_regularizer_has_examples():
    assert {case.values[0].type for case in ALL} == set(family("regularizers"))  # type: ignore[attr-defined]


@every_case
def test_value_and_gradient_agree(penalty: Regularizer):
    assert error(penalty, weights()) < (1e-13 if penalty.smooth else 1e-7)


def test_a_gradient_that_is_wrong_by_a_thousandth_is_caught():
    class Broken(L2):
        def penalty(self, w: Any, ctx: Any) -> tuple[Any, Any]:
            value, g = super().penalty(w, ctx)
            g *= 1.001
            return value, g

    assert error(Broken(rate=0.1), weights()) > 1e-4


@every_case
def test_the_complex_step_works_away_from_kinks_for_all(penalty: Regularizer):
    w = weights(np.complex128)
    w[2] += 1e-20j
    value, g = penalty.penalty(w, workspace())
    assert value.imag / 1e-20 == pytest.approx(g[2].real, rel=1e-13)
    assert g.dtype == np.complex128


@every_case
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept_and_the_weights_too(penalty: Regularizer, dtype: Any):
    w = weights(dtype)
    before = w.copy()
    ctx = workspace()
    value, g = penalty.penalty(w, ctx)
    assert isinstance(value, float)
    assert value > 0
    assert g.dtype == w.dtype
    assert g.shape == w.shape
    first = g.copy()
    assert penalty.penalty(w, ctx)[0] == value
    np.testing.assert_array_equal(g, first)
    np.testing.assert_array_equal(w, before)


@every_case
def test_slices_add_up_to_the_whole(penalty: Regularizer):
    w = weights()
    value, g = penalty.penalty(w, workspace())
    parts = [penalty.penalty(part, workspace()) for part in (w[:4], w[4:])]
    assert sum(part for part, _ in parts) == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(np.concatenate([part for _, part in parts]), g, rtol=1e-13)


@every_case
def test_it_computes_with_what_numpy_and_cupy_both_have(penalty: Regularizer):
    w = weights()
    value, g = penalty.penalty(w, Ctx(Pass(RestrictedBackend())))
    expected, dw = penalty.penalty(w, workspace())
    assert value == expected
    np.testing.assert_array_equal(g, dw)


@every_case
def test_zero_weights_cost_nothing_and_stay(penalty: Regularizer):
    value, g = penalty.penalty(np.zeros(4, np.float32), workspace())
    assert value == 0
    assert not g.any()


@every_case
def test_the_value_is_summed_in_float64(penalty: Regularizer):
    many = np.full(300_000, 0.1, np.float32)
    value, _ = penalty.penalty(many, workspace())
    exact, _ = penalty.penalty(many.astype(np.float64), workspace())
    assert value == pytest.approx(exact, rel=1e-7)


@every_constraint
@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 4), (6,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constraint_works_in_place_and_once_is_enough(
    constraint: Constraint, shape: tuple[int, ...], dtype: Any
):
    w = (10 * np.random.default_rng(1).normal(size=shape)).astype(dtype)
    before, place = w.copy(), w.ctypes.data
    constraint.project(w, workspace())
    assert (w.dtype, w.shape, w.ctypes.data) == (dtype, shape, place)
    assert not np.array_equal(w, before)
    again = w.copy()
    constraint.project(again, workspace())
    np.testing.assert_allclose(again, w, rtol=1e-6)
    elsewhere = before.copy()
    constraint.project(elsewhere, Ctx(Pass(RestrictedBackend())))
    np.testing.assert_array_equal(elsewhere, w)
    zero = np.zeros(shape, dtype)
    constraint.project(zero, workspace())
    assert not zero.any()


@every_constraint
def test_a_constraint_is_no_penalty(constraint: Constraint):
    value, g = constraint.penalty(weights(), workspace())
    assert value == 0
    assert g.shape == (9,)
    assert not g.any()


def test_max_norm_shortens_long_columns_and_no_others():
    w = np.array([[3.0, 0.3], [4.0, 0.4]])
    MaxNorm(limit=2.0).project(w, workspace())
    np.testing.assert_allclose(w, [[1.2, 0.3], [1.6, 0.4]], rtol=1e-15)
