"""The laws of every optimizer: it descends, in place, and remembers nothing but its declared slots."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi
from typing import Any

import numpy as np
import pytest

from bpcli.core.backend import backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.optimizers.base import Optimizer
from bpcli.spec.registry import family
from tests.generic.namespace import RestrictedBackend

CASES = [
    pytest.param(cls.model_validate(example.fields), id=f"{name} {dict(example.fields)}")
    for name, cls in family("optimizers").classes().items()
    for example in cls.examples
]
every_case = pytest.mark.parametrize("optimizer", CASES)


class Poisoned(Ctx):
    """Hands out scratch that holds NaN: whoever reads what an earlier step left there is found out."""

    __slots__ = ()

    def buf(self, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        return np.full(shape, np.nan, dtype)


def slots(optimizer: Optimizer, w: Any) -> dict[str, Any]:
    made = {name: np.zeros_like(w) for name in optimizer.slot_names()}
    optimizer.prepare(made)
    return made


def descend(
    optimizer: Optimizer,
    gradient: Callable[[Any], Any],
    w: Any,
    rate: float,
    steps: int,
    ctx: Ctx | None = None,
) -> Any:
    """w after so many steps, under a rate that falls along half a cosine."""
    ctx = ctx or Ctx(Pass(backend()))
    w = w.copy()
    s = slots(optimizer, w)
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            now = rate * 0.5 * (1 + cos(pi * (t - 1) / steps))
            optimizer.step(w, gradient(w), s, now, t, ctx)
    return w


CURVATURE = np.array([0.3, 1.0, 2.0])
LOWEST = np.array([1.0, -2.0, 0.5])


def parabola(w: Any) -> Any:
    return (CURVATURE * (w - LOWEST)).astype(w.dtype)


def valley(w: Any) -> float:
    return float((1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2)


def valley_gradient(w: Any) -> Any:
    slope = 200 * (w[1] - w[0] ** 2)
    return np.array([-2 * (1 - w[0]) - 2 * slope * w[0], slope])


def test_every_optimizer_has_examples():
    assert {case.values[0].type for case in CASES} == set(family("optimizers"))  # type: ignore[attr-defined]


@every_case
def test_a_parabola_converges(optimizer: Optimizer):
    w = descend(optimizer, parabola, np.array([4.0, 3.0, -3.0]), max(0.3, 3 * optimizer.lr), 1500)
    assert np.abs(w - LOWEST).max() < 1e-3


@every_case
def test_rosenbrock_valley_is_walked_down(optimizer: Optimizer):
    start = np.array([-1.2, 1.0])
    rates = (1e-3, 5e-3, 1e-2, 0.1, 1.0)
    ends = [valley(descend(optimizer, valley_gradient, start, rate, 2000)) for rate in rates]
    assert np.nanmin(ends) < 0.03 * valley(start)  # plain gradient descent creeps along its floor


@every_case
def test_the_update_is_in_place_and_uses_all_and_only_declared_slots(optimizer: Optimizer):
    w = np.array([1.0, -2.0, 3.0])
    s = slots(optimizer, w)
    held = dict(s)
    pointer = w.ctypes.data
    optimizer.step(w, np.array([0.5, -1.0, 2.0]), s, 0.1, 1, Ctx(Pass(backend())))
    assert w.ctypes.data == pointer
    assert s.keys() == set(optimizer.slot_names())
    assert (np.sign(np.array([1.0, -2.0, 3.0]) - w) == [1, -1, 1]).all()  # against the gradient

    used = {name for name, slot in s.items() if slot.any()}
    for t in range(2, 15):  # a ring of pairs is filled one by one
        optimizer.step(w, parabola(w), s, 0.1, t, Ctx(Pass(backend())))
        used |= {name for name, slot in s.items() if slot.any()}
    assert used == set(s)
    assert all(slot is held[name] for name, slot in s.items())


@every_case
def test_steps_are_deterministic_and_scratch_carries_nothing(optimizer: Optimizer):
    start = np.array([4.0, 3.0, -3.0])
    first = descend(optimizer, parabola, start, 0.1, 30)
    again = descend(optimizer, parabola, start, 0.1, 30, Poisoned(Pass(backend())))
    np.testing.assert_array_equal(first, again)


@every_case
def test_it_computes_with_what_numpy_and_cupy_both_have(optimizer: Optimizer):
    start = np.array([4.0, 3.0, -3.0])
    again = descend(optimizer, parabola, start, 0.1, 10, Ctx(Pass(RestrictedBackend())))
    np.testing.assert_array_equal(again, descend(optimizer, parabola, start, 0.1, 10))


@every_case
def test_slots_and_weights_are_all_a_resume_needs(optimizer: Optimizer):
    w = np.array([4.0, 3.0, -3.0])
    s = slots(optimizer, w)
    ctx = Ctx(Pass(backend()))
    for t in range(1, 6):
        optimizer.step(w, parabola(w), s, 0.1, t, ctx)
    kept = w.copy(), {name: slot.copy() for name, slot in s.items()}
    for t in range(6, 11):
        optimizer.step(w, parabola(w), s, 0.1, t, ctx)
    other = type(optimizer).model_validate(optimizer.model_dump(mode="json"))
    resumed, memory = kept
    for t in range(6, 11):
        other.step(resumed, parabola(resumed), memory, 0.1, t, Ctx(Pass(backend())))
    np.testing.assert_array_equal(resumed, w)


@every_case
def test_float32_is_kept_and_close_to_float64(optimizer: Optimizer):
    start = np.array([4.0, 3.0, -3.0])
    w = start.astype(np.float32)
    s = slots(optimizer, w)
    ctx = Ctx(Pass(backend()))
    for t in range(1, 51):
        g = parabola(w)
        optimizer.step(w, g, s, 0.05, t, ctx)
        assert g.dtype == w.dtype == np.float32
    assert all(slot.dtype == np.float32 for slot in s.values())
    double = start.copy()
    s = slots(optimizer, double)
    ctx = Ctx(Pass(backend()))
    for t in range(1, 51):
        optimizer.step(double, parabola(double), s, 0.05, t, ctx)
    np.testing.assert_allclose(w, double, rtol=2e-4, atol=2e-5)


@every_case
def test_a_gradient_of_zero_moves_nothing(optimizer: Optimizer):
    w = np.array([1.0, -2.0], np.float32)
    s = slots(optimizer, w)
    with np.errstate(all="raise"):
        for t in range(1, 4):
            optimizer.step(w, np.zeros_like(w), s, 0.1, t, Ctx(Pass(backend())))
    np.testing.assert_array_equal(w, np.array([1.0, -2.0], np.float32))


@every_case
def test_a_rate_of_zero_moves_nothing(optimizer: Optimizer):
    w = np.array([1.0, -2.0])
    optimizer.step(w, np.array([3.0, 4.0]), slots(optimizer, w), 0.0, 1, Ctx(Pass(backend())))
    np.testing.assert_array_equal(w, [1.0, -2.0])


@every_case
def test_each_weight_goes_its_own_way(optimizer: Optimizer):
    """Cutting the vector anywhere changes no bit, so groups and segments may be treated apart.

    One whose scope is wider says so, and its steps are cut at arrays, or not at all.
    """
    start, g = np.array([1.0, -2.0, 3.0, 0.5]), np.array([0.5, -1.0, 2.0, 1e-3])
    whole = start.copy()
    optimizer.step(whole, g.copy(), slots(optimizer, whole), 0.1, 1, Ctx(Pass(backend())))
    parts = [start[:1].copy(), start[1:].copy()]
    for part, slope in zip(parts, (g[:1].copy(), g[1:].copy()), strict=True):
        optimizer.step(part, slope, slots(optimizer, part), 0.1, 1, Ctx(Pass(backend())))
    assert np.array_equal(np.concatenate(parts), whole) == (optimizer.scope == "weight")
