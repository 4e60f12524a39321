"""The numerical derivative itself: exact where the function is smooth, silent at a kink, never fooled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.gradcheck import (
    TOLERANCE,
    Block,
    away_from_kinks,
    central_difference,
    check,
    complex_step,
    directions,
)

UP = np.array([1.0])


def at(x: float) -> Any:
    return np.array([x])


def smooth(v: Any) -> Any:
    return (np.exp(v) * np.sin(3 * v) + v**3).sum()


def slope(x: Any) -> Any:
    return np.exp(x) * (np.sin(3 * x) + 3 * np.cos(3 * x)) + 3 * x**2


def kinked(v: Any) -> Any:
    """Slope -2 below 0, and 3 above, curved on both sides."""
    return (np.where(v.real > 0, 3 * v, -2 * v) + np.cos(v)).sum()


@pytest.mark.parametrize("x", [-2.0, -0.3, 0.0, 0.7, 1.9])
def test_the_complex_step_is_exact_to_rounding(x: float) -> None:
    found = complex_step(smooth, at(x), UP)
    assert found == pytest.approx(slope(x), rel=5e-15, abs=5e-15)


@pytest.mark.parametrize("x", [-2.0, -0.3, 0.0, 0.7, 1.9])
def test_central_differences_are_close_and_accepted_where_it_is_smooth(x: float) -> None:
    assert central_difference(smooth, at(x), UP, 1e-5) == pytest.approx(slope(x), rel=1e-8)
    found = away_from_kinks(smooth, at(x), UP, 1e-6)
    assert found == pytest.approx(slope(x), rel=1e-7)


@pytest.mark.parametrize("x", [0.0, 1e-7, -1e-7, 1e-6, 5e-6])
def test_a_kink_at_the_point_or_near_it_is_noticed(x: float) -> None:
    found = away_from_kinks(kinked, at(x), UP, 1e-6)
    assert found is None or abs(found - (3 if x > 0 else -2) + np.sin(x)) < 1e-5


def test_a_kink_exactly_at_the_point_is_no_derivative() -> None:
    """Every central difference agrees on the mean of the two slopes there."""
    assert central_difference(kinked, at(0.0), UP, 1e-6) == pytest.approx(0.5)
    assert away_from_kinks(kinked, at(0.0), UP, 1e-6) is None
    assert away_from_kinks(lambda v: abs(v).sum(), at(0.0), UP, 1e-6) is None


@pytest.mark.parametrize("x", [1e-4, -1e-4, 0.5, -0.5])
def test_beyond_the_step_a_kink_does_not_matter(x: float) -> None:
    expected = (3 if x > 0 else -2) - np.sin(x)
    assert away_from_kinks(kinked, at(x), UP, 1e-6) == pytest.approx(expected, abs=1e-6)


def test_what_is_not_finite_is_not_believed() -> None:
    assert away_from_kinks(lambda v: np.nan * v.sum(), at(1.0), UP, 1e-6) is None


# --- directions ----------------------------------------------------------------------------------------


def test_directions_are_different_coordinates_and_one_through_all() -> None:
    drawn = directions(50, slice(10, 40), 6, np.random.default_rng(0))
    assert len(drawn) == 7
    *single, whole = drawn
    places = {int(d.argmax()) for d in single}
    assert len(places) == 6
    assert all(10 <= place < 40 for place in places)
    assert all(d.sum() == 1 and (d != 0).sum() == 1 for d in single)
    assert (whole[10:40] != 0).all()
    assert not whole[:10].any()
    assert not whole[40:].any()
    assert whole @ whole == pytest.approx(1.0)


def test_a_small_block_is_drawn_whole_and_nothing_twice() -> None:
    drawn = directions(5, slice(1, 4), 10, np.random.default_rng(0))
    assert sorted(int(d.argmax()) for d in drawn) == [1, 2, 3]


# --- the verdict ---------------------------------------------------------------------------------------

X = np.array([0.3, -0.7, 1.1, 0.9, -1.4, 0.2])
EVERYTHING = Block("layer", "W", slice(0, 6))


def verdict(f: Any, gradient: Any, *, is_smooth: bool, scale: float | None = None, x: Any = X) -> Any:
    return check(
        f, x, gradient, EVERYTHING, smooth=is_smooth,
        scale=float(np.abs(gradient).max()) if scale is None else scale,
        count=24, rng=np.random.default_rng(0),
    )  # fmt: skip


@pytest.mark.parametrize("is_smooth", [True, False])
def test_the_right_gradient_passes_and_a_thousandth_off_fails(is_smooth: bool) -> None:
    right = verdict(smooth, slope(X), is_smooth=is_smooth)
    assert right.passed
    assert (right.drawn, right.checked, right.skipped) == (6, 6, 0)
    assert right.method == ("complex step" if is_smooth else "central differences")
    assert right.error < TOLERANCE[right.method] / 10
    assert right.scale == np.abs(slope(X)).max()
    assert right.reason is None
    for wrong in (slope(X) * 1.001, -slope(X), slope(X) * 0, slope(X)[::-1].copy(), slope(X) * np.nan):
        assert not verdict(smooth, wrong, is_smooth=is_smooth).passed
    one = slope(X)
    one[2] *= 1.001
    assert not verdict(smooth, one, is_smooth=is_smooth).passed


def test_too_many_kinks_do_not_pass_for_a_check() -> None:
    """Most of the coordinates lie on a kink, and nobody can say anything about them."""
    x = np.where(np.arange(6) % 3 == 1, X, 0.0)
    found = verdict(kinked, np.where(x > 0, 3.0, -2.0) - np.sin(x), is_smooth=False, x=x)
    assert found.checked == 2
    assert found.skipped == 4
    assert found.error < 1e-6
    assert not found.passed
    assert "kink" in found.reason


def test_whether_a_derivative_is_believed_does_not_depend_on_what_is_claimed() -> None:
    """A wrong gradient must not be able to turn its own coordinates into kinks."""
    right = slope(X)
    for claimed in (right, -right, right + 1):
        assert verdict(smooth, claimed, is_smooth=False, scale=1.0).checked == 6


def test_a_gradient_far_below_the_nets_scale_is_rounding() -> None:
    """As that of a bias in front of batch normalisation."""
    tiny = np.full(6, 1e-14)
    assert verdict(lambda v: 0.0 * v.sum(), tiny, is_smooth=True, scale=1.0).passed
    assert not verdict(lambda v: 0.0 * v.sum(), tiny, is_smooth=True, scale=1e-14).passed
    assert verdict(lambda v: 0.0 * v.sum(), tiny * 0, is_smooth=True, scale=0.0).passed
