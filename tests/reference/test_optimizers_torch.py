"""A hundred steps of every optimizer with a counterpart in PyTorch, against it, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.backend import backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.optimizers.adagrad import Adagrad
from bpcli.optimizers.adam import Adam
from bpcli.optimizers.adamw import AdamW
from bpcli.optimizers.base import Optimizer
from bpcli.optimizers.rmsprop import Rmsprop
from bpcli.optimizers.sgd import Sgd

torch = pytest.importorskip("torch")
optim = torch.optim
SIZE, STEPS = 20, 100


def rate_at(t: int) -> float:
    return 0.05 * (1 + 0.5 * np.sin(t / 7))  # it moves, to tell apart where the rate enters


def gradient_at(w: Any, t: int) -> Any:
    """A rough slope over six orders of magnitude; it follows w so gently that rounding does not grow."""
    scale = np.logspace(-3, 3, SIZE)
    noise = np.random.default_rng(t).normal(size=SIZE)
    return scale * noise + 0.3 * np.sin(w)


def ours(optimizer: Optimizer, start: Any) -> Any:
    w = start.copy()
    s = {name: np.zeros_like(w) for name in optimizer.slot_names()}
    optimizer.prepare(s)
    ctx = Ctx(Pass(backend()))
    for t in range(1, STEPS + 1):
        g = gradient_at(w, t)
        w *= 1 - rate_at(t) * optimizer.weight_decay  # what the trainer does for every optimizer
        optimizer.step(w, g, s, rate_at(t), t, ctx)
    return w


def theirs(make: Any, start: Any, **options: Any) -> Any:
    w = torch.tensor(start.copy(), requires_grad=True)
    optimizer = make([w], lr=1.0, **options)
    for t in range(1, STEPS + 1):
        optimizer.param_groups[0]["lr"] = rate_at(t)
        w.grad = torch.tensor(gradient_at(w.detach().numpy(), t))
        optimizer.step()
    return w.detach().numpy()


PAIRS: list[tuple[Optimizer, Any, dict[str, Any]]] = [
    (Sgd(), optim.SGD, {}),
    (Sgd(momentum=0.9), optim.SGD, {"momentum": 0.9}),
    (Sgd(momentum=0.8, nesterov=True), optim.SGD, {"momentum": 0.8, "nesterov": True}),
    (Rmsprop(rho=0.9), optim.RMSprop, {"alpha": 0.9}),
    (Rmsprop(rho=0.95, momentum=0.5, eps=1e-3), optim.RMSprop, {"alpha": 0.95, "momentum": 0.5, "eps": 1e-3}),
    (Rmsprop(rho=0.9, centered=True), optim.RMSprop, {"alpha": 0.9, "centered": True}),
    (
        Rmsprop(rho=0.99, centered=True, momentum=0.9),
        optim.RMSprop,
        {"alpha": 0.99, "centered": True, "momentum": 0.9},
    ),
    (Adagrad(), optim.Adagrad, {}),
    (
        Adagrad(initial_accumulator=0.1, eps=1e-4),
        optim.Adagrad,
        {"initial_accumulator_value": 0.1, "eps": 1e-4},
    ),
    (Adam(), optim.Adam, {}),
    (Adam(beta1=0.5, beta2=0.9, eps=1e-2), optim.Adam, {"betas": (0.5, 0.9), "eps": 1e-2}),
    (Adam(amsgrad=True, beta2=0.9), optim.Adam, {"amsgrad": True, "betas": (0.9, 0.9)}),
    (AdamW(), optim.AdamW, {"weight_decay": 0.01}),
    (AdamW(weight_decay=0.3, amsgrad=True), optim.AdamW, {"weight_decay": 0.3, "amsgrad": True}),
]


@pytest.mark.parametrize(("optimizer", "make", "options"), PAIRS, ids=[pair[0].short() for pair in PAIRS])
def test_a_hundred_steps_agree(optimizer: Optimizer, make: Any, options: dict[str, Any]):
    start = np.random.default_rng(0).normal(size=SIZE)
    mine, expected = ours(optimizer, start), theirs(make, start, **options)
    assert np.abs(mine - start).max() > 0.1
    np.testing.assert_allclose(mine, expected, rtol=1e-9, atol=1e-9)
