"""Every activation: its derivative, what it may write to, extreme inputs, and whether its flags are true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.ctx import Ctx, Pass
from tests.generic import rigs
from tests.generic.namespace import BACKENDS

CASES = rigs.cases("activations")
over_cases = pytest.mark.parametrize("function", [c[1] for c in CASES], ids=[c[0] for c in CASES])
over_backends = pytest.mark.parametrize("backend", sorted(BACKENDS))
DTYPES = ("float32", "float64", "complex128")


def workspace(backend: str = "numpy") -> Ctx:
    return Ctx(Pass(BACKENDS[backend]()))


def grid() -> Any:
    """(n, 4) inputs of every size from 1e-8 to 40, both signs, none at a kink."""
    sizes = np.concatenate([np.geomspace(1e-8, 0.1, 8), np.linspace(0.13, 6.0, 24), [12.0, 25.0, 40.0, 3.7]])
    values = np.concatenate([sizes, -sizes])
    return np.random.default_rng(0).permutation(values)[:68].reshape(-1, 4)


def gradient(function: Any, x: Any, dy: Any, ctx: Ctx) -> Any:
    y = function.forward(x, np.empty_like(x), ctx)
    return function.backward(dy, x, y, np.empty_like(x), ctx)


def definition(function: Any, x: Any, dy: Any, ctx: Ctx) -> Any:
    """The gradient of Σ dy f(x), by the complex step; the real part decides the branch."""
    h, found = 1e-20, np.empty(x.shape)
    for place in np.ndindex(x.shape):
        z = x.astype("complex128")
        z[place] += 1j * h
        found[place] = (dy * function.forward(z, np.empty_like(z), ctx)).sum().imag / h
    return found


@over_cases
@over_backends
def test_backward_is_the_derivative(function: Any, backend: str) -> None:
    ctx, x = workspace(backend), grid()
    dy = np.random.default_rng(1).normal(size=x.shape)
    expected = definition(function, x, dy, workspace(backend))
    rigs.close(gradient(function, x, dy, ctx), expected, 1e-13)
    if function.smooth:  # at the origin too
        zero = np.zeros((2, 4))
        rigs.close(
            gradient(function, zero, dy[:2], ctx),
            definition(function, zero, dy[:2], workspace(backend)),
            1e-13,
        )


@over_cases
@pytest.mark.parametrize("factor", [1.001, 0.999, -1.0, 0.0])
def test_a_wrong_derivative_is_caught(function: Any, factor: float) -> None:
    x = grid()
    dy = np.random.default_rng(1).normal(size=x.shape)
    with pytest.raises(AssertionError):
        rigs.close(
            gradient(function, x, dy, workspace()) * factor, definition(function, x, dy, workspace()), 1e-13
        )


@over_cases
@over_backends
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype_is_kept_and_out_is_what_comes_back(function: Any, backend: str, dtype: str) -> None:
    ctx, x = workspace(backend), grid().astype(dtype)
    dy, y, dx = np.ones_like(x), np.full_like(x, np.nan), np.full_like(x, np.nan)
    x.flags.writeable = dy.flags.writeable = False
    assert function.forward(x, y, ctx) is y
    y.flags.writeable = False
    assert function.backward(dy, x, y, dx, ctx) is dx
    assert np.isfinite(y).all()
    assert np.isfinite(dx).all()
    precise = grid()
    exact = function.forward(precise, np.empty_like(precise), workspace())
    rigs.close(y, exact, 1e-6 if dtype == "float32" else 1e-14)


@over_cases
@over_backends
def test_x_may_be_overwritten_where_backward_does_not_need_it(function: Any, backend: str) -> None:
    if function.needs_x:
        pytest.skip("backward reads x, and says so")
    ctx, x = workspace(backend), grid()
    dy = np.random.default_rng(1).normal(size=x.shape)
    expected_y = function.forward(x, np.empty_like(x), workspace())
    expected_dx = gradient(function, x, dy, workspace())
    own = x.copy()
    assert function.forward(own, own, ctx) is own
    assert np.array_equal(own, expected_y)
    lost = np.full_like(x, np.nan)
    assert np.array_equal(function.backward(dy, lost, own, np.empty_like(x), ctx), expected_dx)


@over_cases
@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e3), ("float64", 1e4), ("complex128", 1e4)])
def test_extreme_inputs_stay_finite(function: Any, dtype: str, size: float) -> None:
    x = np.array([[size, -size, 0.0, 1.0], [-size, -size, -size, -size], [size, size, size, -1.0]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = function.forward(x, np.empty_like(x), workspace())
        dx = gradient(function, x, np.ones_like(x), workspace())
    assert np.isfinite(y).all()
    assert np.isfinite(dx).all()


@over_cases
def test_a_layer_of_it_keeps_gradients_over_a_short_batch(function: Any) -> None:
    """What forward leaves in the workspace for backward belongs to the batch that came last."""
    ctx, x = workspace(), grid()
    dy = np.random.default_rng(1).normal(size=x.shape)
    gradient(function, x, dy, ctx)
    rigs.close(
        gradient(function, x[3:5], dy[3:5], ctx), gradient(function, x[3:5], dy[3:5], workspace()), 1e-15
    )


@over_cases
def test_smooth_says_the_truth(function: Any) -> None:
    """Across zero and the usual edges, the slope jumps somewhere if and only if it is not smooth."""
    ctx, dy, jump = workspace(), np.array([[1.0, 0.0]]), 0.0
    for kink in (0.0, 1.0, -1.0, 3.0, -3.0, 6.0, 0.5):
        right = gradient(function, np.array([[kink + 1e-9, 0.3]]), dy, ctx).copy()
        left = gradient(function, np.array([[kink - 1e-9, 0.3]]), dy, ctx)
        jump = max(jump, float(np.abs(right - left).max() / max(1.0, np.abs(right).max())))
    assert (jump < 1e-6) == function.smooth


@over_cases
def test_gives_probabilities_says_the_truth(function: Any) -> None:
    x = np.linspace(-3.0, 3.0, 24).reshape(-1, 4)
    y = function.forward(x, np.empty_like(x), workspace())
    assert bool((y >= 0).all() and (y <= 1).all()) == function.gives_probabilities
