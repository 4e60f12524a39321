"""Every schedule with a counterpart in PyTorch, step by step against it."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.errors import ConfigError
from bpcli.schedules.base import Clock, Schedule
from bpcli.schedules.chain import Chain
from bpcli.schedules.constant import Constant
from bpcli.schedules.cosine import Cosine
from bpcli.schedules.cosine_restarts import CosineRestarts
from bpcli.schedules.cyclic import Cyclic
from bpcli.schedules.exponential import Exponential
from bpcli.schedules.inverse_sqrt import InverseSqrt
from bpcli.schedules.inverse_time import InverseTime
from bpcli.schedules.linear import Linear
from bpcli.schedules.multistep import Multistep
from bpcli.schedules.one_cycle import OneCycle
from bpcli.schedules.piecewise import Piecewise
from bpcli.schedules.polynomial import Polynomial
from bpcli.schedules.reduce_on_plateau import ReduceOnPlateau
from bpcli.schedules.step import Step
from tests.reference.compare import agree, covers, oracle

torch = pytest.importorskip("torch")
S = torch.optim.lr_scheduler
LR, PER_EPOCH, HORIZON = 0.1, 5, 60


def optimizer() -> Any:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)


def theirs(make: Any, steps: int) -> list[float]:
    sgd = optimizer()
    scheduler, rates = make(sgd), []
    for _ in range(steps):
        rates.append(sgd.param_groups[0]["lr"])
        sgd.step()
        scheduler.step()
    return rates


def ours(schedule: Schedule, steps: int) -> list[float]:
    return [schedule.rate(LR, Clock(step, PER_EPOCH, HORIZON)) for step in range(steps)]


PAIRS: list[tuple[Schedule, Any]] = [
    (Constant(), lambda o: S.ConstantLR(o, 1.0)),
    (
        Constant(warmup=8),
        lambda o: S.LinearLR(o, 1 / 8, 1.0, 7),
    ),
    (
        Cosine(warmup=0.25),
        lambda o: S.SequentialLR(
            o, [S.LinearLR(o, 1 / 15, 1.0, 14), S.CosineAnnealingLR(o, 45)], milestones=[15]
        ),
    ),
    (Step(every=7, unit="steps"), lambda o: S.StepLR(o, 7)),
    (Multistep(milestones=(2, 5), gamma=0.3), lambda o: S.MultiStepLR(o, [10, 25], gamma=0.3)),
    (Multistep(milestones=(3, 4, 50), unit="steps"), lambda o: S.MultiStepLR(o, [3, 4, 50])),
    (Exponential(gamma=0.8), lambda o: S.ExponentialLR(o, 0.8 ** (1 / PER_EPOCH))),
    (Linear(), lambda o: S.PolynomialLR(o, HORIZON, power=1.0)),
    (Linear(min_lr=0.02), lambda o: S.LinearLR(o, 1.0, 0.2, HORIZON)),
    (Polynomial(power=2.5), lambda o: S.PolynomialLR(o, HORIZON, power=2.5)),
    (Cosine(min_lr=0.01), lambda o: S.CosineAnnealingLR(o, HORIZON, eta_min=0.01)),
    (
        CosineRestarts(first=7, unit="steps", min_lr=0.01),
        lambda o: S.CosineAnnealingWarmRestarts(o, 7, eta_min=0.01),
    ),
    (CosineRestarts(first=1, growth=2), lambda o: S.CosineAnnealingWarmRestarts(o, PER_EPOCH, T_mult=2)),
    (OneCycle(), lambda o: S.OneCycleLR(o, LR, HORIZON, cycle_momentum=False)),
    (
        OneCycle(rise=0.4, start=10, end=100, shape="linear"),
        lambda o: S.OneCycleLR(
            o, LR, HORIZON, pct_start=0.4, anneal_strategy="linear", div_factor=10, final_div_factor=100,
            cycle_momentum=False,
        ),
    ),
    (Cyclic(period=16, unit="steps"), lambda o: S.CyclicLR(o, 0.01, LR, 8, cycle_momentum=False)),
    (
        Cyclic(period=4, bottom=0.25, decay=0.5),
        lambda o: S.CyclicLR(o, 0.025, LR, 10, mode="triangular2", cycle_momentum=False),
    ),
    (
        Chain(schedules=(Constant(), Step(every=4, unit="steps"), Cosine()), until=(10, 30)),
        lambda o: S.SequentialLR(
            o, [S.ConstantLR(o, 1.0), S.StepLR(o, 4), S.CosineAnnealingLR(o, 30)], milestones=[10, 30]
        ),
    ),
    (
        Chain(schedules=(Constant(), Linear()), until=(0.25,)),
        lambda o: S.SequentialLR(o, [S.ConstantLR(o, 1.0), S.PolynomialLR(o, 45, 1.0)], milestones=[15]),
    ),
]  # fmt: skip

#: Those that PyTorch has no class for, as a function of the step for its LambdaLR.
FORMULAS: list[tuple[Schedule, Callable[[int], float]]] = [
    (InverseTime(gamma=0.5), lambda t: 1 / (1 + 0.5 * t / PER_EPOCH)),
    (InverseTime(gamma=0.3, staircase=True), lambda t: 1 / (1 + 0.3 * (t // PER_EPOCH))),
    (InverseSqrt(timescale=4), lambda t: (4 / (4 + t)) ** 0.5),
    (InverseSqrt(timescale=10, warmup=10), lambda t: (t + 1) / 10 if t < 10 else (10 / t) ** 0.5),
    (
        Piecewise(boundaries=(3, 5), factors=(2.0, 0.5), unit="steps"),
        lambda t: 1.0 if t < 3 else 2.0 if t < 5 else 0.5,
    ),
    (Piecewise(boundaries=(2, 7), factors=(0.3, 0.1)), lambda t: 1.0 if t < 10 else 0.3 if t < 35 else 0.1),
]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        *(pytest.param(*pair, marks=covers(pair[0])) for pair in PAIRS),
        *(
            pytest.param(one, lambda o, f=factor: S.LambdaLR(o, f), marks=covers(one, by="formula"))
            for one, factor in FORMULAS
        ),
    ],
    ids=[one.short() for one, _ in (*PAIRS, *FORMULAS)],
)
def test_a_whole_run_agrees(schedule: Schedule, make: Any) -> None:
    mine, expected = ours(schedule, HORIZON), theirs(make, HORIZON)
    agree(mine, expected, "60 rates")
    assert max(mine) > 1.5 * min(mine) or isinstance(schedule, Constant)
    np.testing.assert_allclose(mine, expected, rtol=1e-10, atol=1e-16)


@oracle("schedules", "reduce_on_plateau")
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    ("patience", "cooldown", "delta"), [(1, 0, 0.0), (2, 3, 0.05), (3, 1, 0.2), (4, 0, 0.0)]
)
def test_reduce_on_plateau(mode: Any, patience: int, cooldown: int, delta: float) -> None:
    schedule = ReduceOnPlateau(
        monitor="val.score", mode=mode, gamma=0.5, patience=patience, cooldown=cooldown, min_delta=delta,
        min_lr=1e-3,
    )  # fmt: skip
    sgd, memory = optimizer(), schedule.memory()
    scheduler = S.ReduceLROnPlateau(
        sgd, mode=mode, factor=0.5, patience=patience - 1, cooldown=cooldown, threshold=delta,
        threshold_mode="abs", min_lr=1e-3, eps=0.0,
    )  # fmt: skip
    values = np.random.default_rng(patience).normal(size=40).cumsum() / 10
    mine, expected = [], []
    for value in values:
        schedule.observe({"val": {"score": float(value)}}, {"val.score": False}, memory)
        scheduler.step(value)
        mine.append(schedule.rate(LR, Clock(0, PER_EPOCH, HORIZON, memory)))
        expected.append(sgd.param_groups[0]["lr"])
    assert mine[-1] < LR
    agree(mine, expected, "40 rates", limit=1e-12)


def test_a_plateau_knows_the_direction_of_its_metric_and_skips_what_is_undefined() -> None:
    schedule = ReduceOnPlateau(monitor="val.accuracy", patience=2)
    memory = schedule.memory()
    for value in (0.1, 0.2, float("nan"), 0.3, 0.25, None, 0.4):
        schedule.observe({"val": {"accuracy": value}}, {"val.accuracy": True}, memory)
    watched = {"watches": ["val.accuracy", True], "cooldown": 0, "falls": 1}
    assert memory == {"best": 0.4, "wait": 0, **watched}
    other = ReduceOnPlateau(monitor="val.loss")
    other.observe({"val": {"loss": 2.0}}, {"val.loss": False}, memory)
    assert memory == {"best": 2.0, "wait": 0, **watched, "watches": ["val.loss", False]}
    automatic = ReduceOnPlateau()
    automatic.check({"train.loss": False})
    automatic.check({"val.loss": False, "train.loss": False})
    with pytest.raises(ConfigError, match=r"no metric 'val\.acuracy'; did you mean 'val\.accuracy'"):
        ReduceOnPlateau(monitor="val.acuracy").check({"val.accuracy": True})


def test_schedules_by_hand() -> None:
    assert ours(InverseTime(gamma=0.5), 11)[10] == pytest.approx(LR / 2)
    assert ours(InverseTime(gamma=0.5, staircase=True), 10)[9] == pytest.approx(LR / 1.5)
    assert ours(InverseSqrt(timescale=4), 13)[12] == pytest.approx(LR / 2)
    warm = ours(InverseSqrt(timescale=10, warmup=10), 41)
    assert warm[9] == pytest.approx(LR)
    assert warm[40] == pytest.approx(LR * sqrt(10 / 40))
    pieces = ours(Piecewise(boundaries=(3, 5), factors=(2.0, 0.5), unit="steps"), 6)
    assert pieces == pytest.approx([LR, LR, LR, 2 * LR, 2 * LR, LR / 2])


@pytest.mark.parametrize(
    ("cls", "fields"),
    [
        (Multistep, {"milestones": [5, 2]}),
        (Piecewise, {"boundaries": [5, 2], "factors": [1.0, 1.0]}),
        (Piecewise, {"boundaries": [2], "factors": [1.0, 1.0]}),
        (Chain, {"schedules": ["constant"], "until": [3]}),
        (Chain, {"schedules": ["constant", "reduce_on_plateau"], "until": [3]}),
        (Cyclic, {"period": 1}),
        (OneCycle, {"start": 0.5}),
    ],
)
def test_what_cannot_work_is_refused(cls: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        cls.model_validate(fields)


@pytest.mark.parametrize(
    "schedule", [Linear(min_lr=0.5), Polynomial(min_lr=0.5), ReduceOnPlateau(min_lr=0.5)]
)
def test_a_floor_above_lr_is_refused(schedule: Schedule) -> None:
    with pytest.raises(ConfigError, match=r"min_lr \(0.5\) is above"):
        schedule.rate(LR, Clock(0, PER_EPOCH, HORIZON))
