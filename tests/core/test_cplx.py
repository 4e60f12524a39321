"""Functions that stay exact under the complex step, and erf to the last bits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bpcli.core.cplx import absolute, accumulator, erf, is_complex, real

POINTS = np.concatenate(
    [np.linspace(-7, 7, 4001), [0.0, 0.46875, -0.46875, 4.0, -4.0, 1e-300, -1e-9, 26.0, -40.0, 1e300]]
)


def test_erf_is_as_exact_as_the_math_library() -> None:
    exact = np.array([math.erf(x) for x in POINTS])
    found = erf(POINTS, np)
    assert np.abs(found - exact).max() < 3e-16
    small = np.abs(POINTS) < 0.4
    relative = np.abs(found - exact)[small & (POINTS != 0)] / np.abs(exact[small & (POINTS != 0)])
    assert relative.max() < 5e-16
    assert erf(np.array([np.inf, -np.inf, -0.0]), np).tolist() == [1.0, -1.0, 0.0]
    assert np.signbit(erf(np.array([-0.0]), np))[0]
    assert np.isnan(erf(np.array([np.nan]), np))[0]


def test_erf_keeps_its_precision() -> None:
    points = POINTS[:-1].astype("float32")
    found = erf(points, np)
    assert found.dtype == np.float32
    assert np.abs(found - np.array([math.erf(x) for x in points])).max() < 3e-7


def test_the_derivative_of_erf_by_the_complex_step() -> None:
    h, points = 1e-20, POINTS[np.abs(POINTS) < 20]  # beyond, the derivative times h is no normal number
    found = erf(points + 1j * h, np)
    assert np.array_equal(found.real, erf(points, np))
    exact = 2 / math.sqrt(math.pi) * np.exp(-points * points)
    assert np.allclose(found.imag / h, exact, rtol=1e-14, atol=0)


@pytest.mark.parametrize("x", [-2.0, -1e-9, 0.0, 3.0])
def test_the_absolute_value_is_continued_analytically(x: float) -> None:
    h = 1e-20
    found = absolute(np.array([x + 1j * h]), np)[0]
    assert found.real == abs(x)
    assert found.imag / h == (-1.0 if x < 0 else 1.0)
    assert absolute(np.array([x]), np).dtype == np.float64


def test_decisions_are_taken_on_the_real_part_and_sums_kept_wide() -> None:
    z = np.array([1.0 + 5j, -2.0 - 9j])
    assert real(z).tolist() == [1.0, -2.0]
    x = np.array([1.0], "float32")
    assert real(x) is x
    assert (is_complex(z), is_complex(x)) == (True, False)
    assert (accumulator("float32"), accumulator("float64"), accumulator(z.dtype)) == (
        np.float64, np.float64, np.complex128,
    )  # fmt: skip


def test_erf_in_float32() -> None:
    x = np.concatenate([np.linspace(-7, 7, 200_001), [1e-30, 1e-8, 0.0, np.inf, -np.inf]]).astype("f4")
    y = erf(x, np)
    true = np.array([math.erf(value) for value in x])
    assert y.dtype == np.float32
    assert (np.abs(y - true) <= 4e-7 * np.maximum(np.abs(true), 1e-30)).all()
    assert np.isnan(erf(np.array([np.nan], "f4"), np)).all()
