"""activity_penalty: what it adds to the loss, in which mode, and over which rows and steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.layers.activity_penalty import ActivityPenalty
from tests.generic.rigs import close, rig


def penalty_of(x: Any, rows: int, *, training: bool = True, mask: Any = None, **fields: float) -> Any:
    """(what is added to the loss, dx for dy = 0) of a batch that is part of a window of `rows`."""
    r = rig(ActivityPenalty.model_validate(fields), x.shape[1:], training=training)
    r.ctx.shared.rows, r.ctx.mask = rows, mask
    y = r.forward(x)
    assert np.array_equal(y, x)
    return r.ctx.shared.take_penalty(), r.backward(np.zeros_like(x)).copy()


def test_by_hand() -> None:
    x = np.array([[1.0, -2.0], [0.0, 3.0]])
    value, dx = penalty_of(x, 2, l1=0.5, l2=0.1)
    assert value == pytest.approx((0.5 * 6 + 0.05 * 14) / 2, rel=1e-15)
    close(dx, np.array([[0.6, -0.7], [0.0, 0.8]]) / 2, 1e-15)


def test_rows_one_by_one_add_up_to_the_batch() -> None:
    """What makes micro-batches equal to the large batch: each divides by the rows of the whole window."""
    x = np.random.default_rng(0).normal(size=(5, 3, 2))
    whole, dx = penalty_of(x, 5, l1=0.2, l2=0.7)
    parts = [penalty_of(row[None], 5, l1=0.2, l2=0.7) for row in x]
    assert sum(value for value, _ in parts) == pytest.approx(whole, rel=1e-14)
    close(np.concatenate([dx for _, dx in parts]), dx, 1e-15)


def test_evaluation_adds_nothing() -> None:
    value, dx = penalty_of(np.ones((3, 2)), 3, training=False, l1=1.0, l2=1.0)
    assert value == 0
    assert not dx.any()


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2)])
def test_steps_that_a_mask_hides_cost_nothing(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    mask = rng.random(shape[:2]) < 0.6
    x = rng.normal(size=shape)
    padded = x.copy()
    padded[~mask] = 1e6
    value, dx = penalty_of(padded, 4, mask=mask, l1=0.3, l2=0.4)
    real = x[mask]
    assert value == pytest.approx((0.3 * np.abs(real).sum() + 0.2 * (real**2).sum()) / 4, rel=1e-14)
    assert not dx[~mask].any()
    assert dx[mask].all()


def test_float32_adds_up_in_float64() -> None:
    x = np.full((2, 1_000_000), 1.0 + 1e-3, np.float32)
    r = rig(ActivityPenalty(l1=1.0), x.shape[1:], dtype="f4", training=True)
    r.ctx.shared.rows = 2
    r.forward(x)
    assert r.ctx.shared.take_penalty() == pytest.approx(1e6 * float(x[0, 0]), rel=1e-12)


def test_a_penalty_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="a penalty of nothing"):
        ActivityPenalty()
