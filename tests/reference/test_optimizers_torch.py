"""A hundred steps of every optimizer with a counterpart in PyTorch, against it, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from bpcli.core.backend import backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.optimizers.adadelta import Adadelta
from bpcli.optimizers.adagrad import Adagrad
from bpcli.optimizers.adam import Adam
from bpcli.optimizers.adamax import Adamax
from bpcli.optimizers.adamw import AdamW
from bpcli.optimizers.base import Optimizer
from bpcli.optimizers.lamb import Lamb
from bpcli.optimizers.lbfgs import Lbfgs
from bpcli.optimizers.lion import Lion
from bpcli.optimizers.nadam import Nadam
from bpcli.optimizers.radam import Radam
from bpcli.optimizers.rmsprop import Rmsprop
from bpcli.optimizers.rprop import Rprop
from bpcli.optimizers.sgd import Sgd
from tests.reference.compare import agree, covers, oracle

torch = pytest.importorskip("torch")
optim = torch.optim
SIZE, STEPS, LIMIT = 20, 100, 1e-9


def rate_at(t: int) -> float:
    return 0.05 * (1 + 0.5 * np.sin(t / 7))  # it moves, to tell apart where the rate enters


def gradient_at(w: Any, t: int) -> Any:
    """A rough slope over six orders of magnitude; it follows w so gently that rounding does not grow."""
    scale = np.logspace(-3, 3, SIZE)
    noise = np.random.default_rng(t).normal(size=SIZE)
    return scale * noise + 0.3 * np.sin(w)


#: The rate and the gradient at weights w and step t.
Rate = Callable[[int], float]
Gradient = Callable[[Any, int], Any]


def ours(optimizer: Optimizer, start: Any, rate: Rate = rate_at, gradient: Gradient = gradient_at) -> Any:
    """The weights after each step (STEPS, SIZE)."""
    w, path = start.copy(), []
    s = {name: np.zeros_like(w) for name in optimizer.slot_names()}
    optimizer.prepare(s)
    ctx = Ctx(Pass(backend()))
    for t in range(1, STEPS + 1):
        g = gradient(w, t)
        w *= 1 - rate(t) * optimizer.weight_decay  # what the trainer does for every optimizer
        optimizer.step(w, g, s, rate(t), t, ctx)
        path.append(w.copy())
    return np.array(path)


def compare(mine: Any, expected: Any, start: Any, *, moved: float = 0.02) -> None:
    """The way from the start, all hundred steps of it, and each weight after each step."""
    assert np.abs(mine[-1] - start).max() > moved
    agree(mine - start, expected - start, "100 steps", limit=LIMIT)
    np.testing.assert_allclose(mine, expected, rtol=LIMIT, atol=LIMIT)


@pytest.fixture(autouse=True)
def scalars_in_float64() -> Iterator[None]:
    """PyTorch keeps NAdam's product of momenta in the default precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def theirs(
    make: Any, start: Any, rate: Rate = rate_at, gradient: Gradient = gradient_at, **options: Any
) -> Any:
    w, path = torch.tensor(start.copy(), requires_grad=True), []
    optimizer = make([w], lr=rate(1), **options)

    def closure() -> Any:  # what LBFGS asks for; the others find the gradient where they look for it
        w.grad = torch.tensor(gradient(w.detach().numpy(), t))
        return torch.tensor(0.0)

    for t in range(1, STEPS + 1):
        optimizer.param_groups[0]["lr"] = rate(t)
        closure()
        optimizer.step(closure) if make is optim.LBFGS else optimizer.step()
        path.append(w.detach().numpy().copy())
    return np.array(path)


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
    (Adadelta(), optim.Adadelta, {"rho": 0.95}),
    (Adadelta(rho=0.9, eps=1e-3, weight_decay=0.0), optim.Adadelta, {"eps": 1e-3}),
    (Adamax(), optim.Adamax, {}),
    (Adamax(beta1=0.5, beta2=0.9, eps=1e-2), optim.Adamax, {"betas": (0.5, 0.9), "eps": 1e-2}),
    (Nadam(), optim.NAdam, {}),
    (
        Nadam(beta1=0.5, beta2=0.9, eps=1e-2, momentum_decay=0.1),
        optim.NAdam,
        {"betas": (0.5, 0.9), "eps": 1e-2, "momentum_decay": 0.1},
    ),
    (Radam(), optim.RAdam, {}),
    (Radam(beta1=0.5, beta2=0.9, eps=1e-2), optim.RAdam, {"betas": (0.5, 0.9), "eps": 1e-2}),
    (Radam(beta2=0.6), optim.RAdam, {"betas": (0.9, 0.6)}),  # ρ is 4: never rectified
    (AdamW(), optim.AdamW, {"weight_decay": 0.01}),
    (AdamW(weight_decay=0.3, amsgrad=True), optim.AdamW, {"weight_decay": 0.3, "amsgrad": True}),
]


@oracle("optimizers", "rprop")
@pytest.mark.parametrize(
    ("grow", "shrink"), [(1.2, 0.5), (1.5, 0.8)], ids=["rprop", "rprop(grow=1.5, shrink=0.8)"]
)
def test_a_hundred_steps_of_rprop_agree_while_the_rate_stands(grow: float, shrink: float) -> None:
    """PyTorch takes the rate for the first step only, and absolute bounds."""
    rate, start = 0.05, np.random.default_rng(0).normal(size=SIZE)
    optimizer = Rprop(grow=grow, shrink=shrink, smallest=1e-3 / rate, largest=0.2 / rate)
    mine = ours(optimizer, start, lambda t: rate)
    expected = theirs(optim.Rprop, start, lambda t: rate, etas=(shrink, grow), step_sizes=(1e-3, 0.2))
    compare(mine, expected, start, moved=0.1)


@pytest.mark.parametrize(
    ("optimizer", "make", "options"),
    [pytest.param(*pair, marks=covers(pair[0])) for pair in PAIRS],
    ids=[pair[0].short() for pair in PAIRS],
)
def test_a_hundred_steps_agree(optimizer: Optimizer, make: Any, options: dict[str, Any]):
    start = np.random.default_rng(0).normal(size=SIZE)
    compare(ours(optimizer, start), theirs(make, start, **options), start)


def bowl(w: Any, t: int) -> Any:
    """The gradient of a smooth, convex function; where curvature is rougher, rounding itself grows a lot."""
    return np.logspace(-1, 0.5, SIZE) * (w - 1) + 0.3 * np.tanh(w)


@oracle("optimizers", "lbfgs")
@pytest.mark.parametrize(
    ("history", "rate"),
    [
        pytest.param(history, rate, id=f"lbfgs(history={history}, lr={rate}, line_search=false)")
        for history in (1, 3, 10)
        for rate in (0.02, 0.1)
    ],
)
def test_a_hundred_steps_of_lbfgs_agree_without_line_search(history: int, rate: float) -> None:
    start = 3 * np.random.default_rng(0).normal(size=SIZE)
    mine = ours(Lbfgs(history=history, line_search=False), start, lambda t: rate, bowl)
    options = {"max_iter": 1, "history_size": history, "tolerance_grad": 0.0, "tolerance_change": 0.0}
    compare(mine, theirs(optim.LBFGS, start, lambda t: rate, bowl, **options), start, moved=1)


def plain_lamb(w: Any, g: Any, state: dict[str, Any], rate: float, t: int, o: Lamb) -> Any:
    """Algorithm 2 of the paper, word for word, on a tensor."""
    state["m"] = o.beta1 * state["m"] + (1 - o.beta1) * g
    state["v"] = o.beta2 * state["v"] + (1 - o.beta2) * g**2
    r = (state["m"] / (1 - o.beta1**t)) / (torch.sqrt(state["v"] / (1 - o.beta2**t)) + o.eps)
    return w - rate * w.norm() / r.norm() * r


def plain_lion(w: Any, g: Any, state: dict[str, Any], rate: float, t: int, o: Lion) -> Any:
    """The paper's program, word for word."""
    update = torch.sign(o.beta1 * state["m"] + (1 - o.beta1) * g)
    state["m"] = o.beta2 * state["m"] + (1 - o.beta2) * g
    return w - rate * update


@pytest.mark.parametrize(
    ("optimizer", "plain"),
    [
        pytest.param(optimizer, plain, marks=covers(optimizer, by="formula"))
        for optimizer, plain in (
            (Lamb(), plain_lamb),
            (Lamb(beta1=0.5, beta2=0.9, eps=1e-2), plain_lamb),
            (Lion(), plain_lion),
            (Lion(beta1=0.5, beta2=0.8), plain_lion),
        )
    ],
    ids=["lamb", "lamb(beta1=0.5, beta2=0.9, eps=0.01)", "lion", "lion(beta1=0.5, beta2=0.8)"],
)
def test_a_hundred_steps_agree_with_the_paper_as_it_is_written(optimizer: Optimizer, plain: Any) -> None:
    start = np.random.default_rng(0).normal(size=SIZE)
    w, path = torch.tensor(start), []
    state = {"m": torch.zeros(SIZE), "v": torch.zeros(SIZE)}
    for t in range(1, STEPS + 1):
        w = plain(w, torch.tensor(gradient_at(w.numpy(), t)), state, rate_at(t) / 10, t, optimizer)
        path.append(w.numpy().copy())
    compare(ours(optimizer, start, lambda t: rate_at(t) / 10), np.array(path), start)
