"""The laws of every schedule, and of the warmup that any of them can have."""

from __future__ import annotations

from math import isfinite

import pytest
from pydantic import ValidationError

from bpcli.errors import ConfigError
from bpcli.schedules.base import Clock, Schedule
from bpcli.schedules.constant import Constant
from bpcli.schedules.cosine import Cosine
from bpcli.schedules.exponential import Exponential
from bpcli.schedules.step import Step
from bpcli.spec.registry import family

PER_EPOCH, HORIZON, LR = 10, 100, 0.1
CASES = [
    pytest.param(cls.model_validate(example.fields), id=f"{name} {dict(example.fields)}")
    for name, cls in family("schedules").classes().items()
    for example in cls.examples
]
every_case = pytest.mark.parametrize("schedule", CASES)
FROM_LR = [case for case in CASES if not case.values[0].rises]  # type: ignore[union-attr]
RISING = [case for case in CASES if case.values[0].rises]  # type: ignore[union-attr]


def clock(step: int, horizon: int = HORIZON) -> Clock:
    return Clock(step, PER_EPOCH, horizon)


def test_every_schedule_has_examples():
    assert {case.values[0].type for case in CASES} == set(family("schedules"))  # type: ignore[attr-defined]


@every_case
def test_the_rate_is_finite_and_never_negative_also_beyond_the_horizon(schedule: Schedule):
    rates = [schedule.rate(LR, clock(step)) for step in range(2 * HORIZON)]
    assert all(isinstance(rate, float) and isfinite(rate) and rate >= 0 for rate in rates)
    assert max(rates) == pytest.approx(LR)


@pytest.mark.parametrize("schedule", RISING)
def test_a_rising_schedule_starts_below_lr_and_takes_no_warmup(schedule: Schedule):
    assert 0 < schedule.factor(clock(0), LR) < 1
    with pytest.raises(ValidationError, match="rises by itself"):
        schedule.replace(warmup=5)


@pytest.mark.parametrize("schedule", FROM_LR)
def test_the_factor_starts_at_one(schedule: Schedule):
    assert schedule.factor(clock(0), LR) == 1
    steps = schedule.warmup_steps(clock(0))
    assert schedule.rate(LR, clock(steps)) == pytest.approx(LR, rel=1e-15)


@pytest.mark.parametrize("schedule", FROM_LR)
@pytest.mark.parametrize("warmup", [8, 0.08, "8%"])
def test_the_warmup_rises_in_a_line_to_lr(schedule: Schedule, warmup: float | str):
    warm = schedule.replace(warmup=warmup)
    assert warm.warmup_steps(clock(0)) == 8
    rates = [warm.rate(LR, clock(step)) for step in range(9)]
    assert rates[:8] == pytest.approx([LR * (step + 1) / 8 for step in range(8)], rel=1e-15)
    assert rates[8] == pytest.approx(LR)
    cold = schedule.replace(warmup=0)
    assert warm.rate(LR, clock(8 + 30)) == cold.rate(LR, clock(30, HORIZON - 8))


@every_case
def test_the_rate_scales_with_lr_where_nothing_absolute_is_set(schedule: Schedule):
    if getattr(schedule, "min_lr", 0):
        pytest.skip("min_lr is absolute")
    assert schedule.rate(2 * LR, clock(33)) == pytest.approx(2 * schedule.rate(LR, clock(33)))


@every_case
@pytest.mark.parametrize("horizon", [1, 2])
def test_the_shortest_runs_work(schedule: Schedule, horizon: int):
    assert all(0 <= schedule.rate(LR, Clock(step, 1, horizon)) <= LR * (1 + 1e-12) for step in range(3))


def test_step_by_epochs_and_by_steps():
    assert [Step(every=2).rate(1.0, clock(step)) for step in (0, 19, 20, 39, 40)] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01]
    )
    by_steps = Step(every=3, unit="steps", gamma=0.5)
    assert [by_steps.rate(1.0, clock(step)) for step in range(7)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]


def test_exponential_smooth_and_as_a_staircase():
    assert Exponential(gamma=0.9).rate(1.0, clock(25)) == pytest.approx(0.9**2.5)
    assert Exponential(gamma=0.9, staircase=True).rate(1.0, clock(25)) == pytest.approx(0.9**2)


def test_cosine_passes_half_way_and_ends_at_its_floor():
    cosine = Cosine(min_lr=0.02)
    assert cosine.rate(LR, clock(50)) == pytest.approx((LR + 0.02) / 2)
    assert cosine.rate(LR, clock(100)) == pytest.approx(0.02)
    assert cosine.rate(LR, clock(500)) == pytest.approx(0.02)
    rates = [cosine.rate(LR, clock(step)) for step in range(101)]
    assert rates == sorted(rates, reverse=True)


def test_a_cosine_that_would_rise_is_refused():
    with pytest.raises(ConfigError, match=r"min_lr \(0.5\) is above.*lr \(0.1\)"):
        Cosine(min_lr=0.5).rate(LR, clock(0))


@pytest.mark.parametrize("text", ["5%", " 5 % ", "5.0%"])
def test_a_share_may_be_written_in_per_cent(text: str):
    assert Constant.model_validate({"warmup": text}).warmup == 0.05


@pytest.mark.parametrize("wrong", ["5", "100%", "-5%", "five", "%", 2.5, -1, True, "1.2.3%"])
def test_a_warmup_that_is_neither_steps_nor_a_share_is_refused(wrong: object):
    with pytest.raises(ValidationError):
        Constant.model_validate({"warmup": wrong})
