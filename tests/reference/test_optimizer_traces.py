"""The first steps of every optimizer, worked out by hand from its paper's formula."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.core.backend import backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.optimizers.adagrad import Adagrad
from bpcli.optimizers.adam import Adam
from bpcli.optimizers.adamw import AdamW
from bpcli.optimizers.base import Optimizer
from bpcli.optimizers.lion import Lion
from bpcli.optimizers.nadam import _product, _products
from bpcli.optimizers.radam import Radam
from bpcli.optimizers.rmsprop import Rmsprop
from bpcli.optimizers.sgd import Sgd


def trace(optimizer: Optimizer, gradients: list[float], rate: float = 0.1) -> list[float]:
    """The weight after each step, from 1."""
    w = np.array([1.0])
    s: dict[str, Any] = {name: np.zeros(1) for name in optimizer.slot_names()}
    optimizer.prepare(s)
    path: list[float] = []
    for t, g in enumerate(gradients, 1):
        optimizer.step(w, np.array([g]), s, rate, t, Ctx(Pass(backend())))
        path.append(float(w[0]))
    return path


def test_sgd():
    assert trace(Sgd(), [2.0, -1.0]) == pytest.approx([0.8, 0.9])


def test_momentum():
    # v = 2, then 0.5 · 2 + 1 = 2
    assert trace(Sgd(momentum=0.5), [2.0, 1.0]) == pytest.approx([0.8, 0.6])


def test_nesterov_looks_ahead():
    # g + μ v = 2 + 0.5 · 2, then 1 + 0.5 · 2
    assert trace(Sgd(momentum=0.5, nesterov=True), [2.0, 1.0]) == pytest.approx([0.7, 0.5])


def test_rmsprop():
    # s = 0.1 · 4 = 0.4, then 0.36 + 0.1 = 0.46
    first = 1 - 0.1 * 2 / (sqrt(0.4) + 1e-3)
    assert trace(Rmsprop(eps=1e-3), [2.0, 1.0]) == pytest.approx([first, first - 0.1 / (sqrt(0.46) + 1e-3)])


def test_centered_rmsprop():
    # s = 0.4, m = 0.2: the variance is 0.36
    assert trace(Rmsprop(eps=1e-3, centered=True), [2.0]) == pytest.approx([1 - 0.2 / (0.6 + 1e-3)])


def test_centered_rmsprop_under_a_constant_gradient_stays_finite():
    """Its variance is zero, and in float64 the difference of its two moments is often just below."""
    path = trace(Rmsprop(centered=True, rho=0.5), [0.7] * 200, rate=1e-12)
    assert np.isfinite(path).all()


def test_adagrad():
    first = 1 - 0.1 * 3 / 3
    assert trace(Adagrad(), [3.0, 4.0]) == pytest.approx([first, first - 0.1 * 4 / 5])
    assert trace(Adagrad(initial_accumulator=7.0), [3.0]) == pytest.approx([1 - 0.1 * 3 / 4])


def test_adam_starts_with_a_step_of_the_rate_whatever_the_gradient():
    for g in (1e-4, 1.0, 1e4):
        assert trace(Adam(), [g]) == pytest.approx([0.9], rel=1e-4)


def test_adam():
    # β = 0.5, 0.75: m̂ = 1, v̂ = 1; then m = 0.5 · 0.5 + 0.5 · 3 = 1.75, m̂ = 1.75 / 0.75, v = 0.1875 + 2.25
    first = 1 - 0.1 / 1.5
    second = first - 0.1 * (1.75 / 0.75) / (sqrt(2.4375 / 0.4375) + 0.5)
    assert trace(Adam(beta1=0.5, beta2=0.75, eps=0.5), [1.0, 3.0]) == pytest.approx([first, second])


def test_amsgrad_remembers_the_largest_square():
    # v = 1, then 0.25: its largest is still 0.5 · 2² of the first step
    plain = trace(Adam(beta1=0.0, beta2=0.5), [2.0, 0.0, 1.0])
    kept = trace(Adam(beta1=0.0, beta2=0.5, amsgrad=True), [2.0, 0.0, 1.0])
    assert kept[:2] == plain[:2]
    assert kept[2] == pytest.approx(kept[1] - 0.1 * 1 / sqrt(2.0 / 0.875))
    assert plain[2] == pytest.approx(plain[1] - 0.1 * 1 / sqrt(1.0 / 0.875))


def test_adamw_is_adam_that_decays_by_default():
    assert AdamW().weight_decay == 0.01
    assert Adam().weight_decay == 0
    assert trace(AdamW(), [1.0, -2.0]) == trace(Adam(), [1.0, -2.0])  # the decay itself is the trainer's


def test_lion_moves_by_the_rate():
    # m = 0, then 0.02 - so that 0.9 · 0.02 - 0.1 · 0.1 > 0 in spite of the gradient -0.1, and then < 0
    assert trace(Lion(), [2.0, -0.1, -4.0]) == pytest.approx([0.9, 0.8, 0.9])
    assert trace(Lion(), [0.0]) == [1.0]


def test_radam_rectifies_from_the_sixth_step_on():
    radam = Radam()
    assert [radam.rectification(t) is None for t in (1, 5, 6)] == [True, True, False]
    assert radam.rectification(100_000) == pytest.approx(1, rel=1e-9)


def test_the_products_of_nadam_do_not_depend_on_what_was_asked_before():
    _products.cache_clear()
    late = _product(0.9, 4e-3, 40)
    _products.cache_clear()
    assert [_product(0.9, 4e-3, t) for t in range(41)][-1] == late > 0
    assert _product(0.9, 4e-3, 100_000) == 0
    assert len(_products(0.9, 4e-3)) < 1000


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(ValidationError, match="nesterov needs momentum"):
        Sgd(nesterov=True)


@pytest.mark.parametrize("fields", [{"momentum": 1.0}, {"momentum": -0.1}, {"lr": 0}, {"lr": float("nan")}])
def test_sgd_refuses_what_cannot_work(fields: dict[str, Any]):
    with pytest.raises(ValidationError):
        Sgd.model_validate(fields)
