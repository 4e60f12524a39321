"""dropout: the share that is left out, the scale of the rest, and when the mask changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.layers.dropout import Dropout
from tests.generic.rigs import Rig, rig


def dropped(r: Rig, shape: tuple[int, int] = (50, 40)) -> Any:
    return r.forward(np.ones(shape, r.store.dtype)).copy()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_share_and_scale(rate: float) -> None:
    y = dropped(rig(Dropout(rate=rate), (400,), training=True), (250, 400))
    assert abs((y == 0).mean() - rate) < 5 * (rate * (1 - rate) / y.size) ** 0.5
    exact = round(rate * 2**16) / 2**16  # the rate that 16 random bits can have
    assert np.unique(y[y != 0]) == pytest.approx([1 / (1 - exact)], rel=1e-15)


def test_evaluation_and_rate_zero_change_nothing() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    for layer, training in ((Dropout(rate=0.5), False), (Dropout(rate=0.0), True)):
        r = rig(layer, (4,), training=training)
        assert np.array_equal(r.forward(x), x)
        assert np.array_equal(r.backward(x), x)


def test_the_mask_belongs_to_step_micro_batch_seed_and_place() -> None:
    r = rig(Dropout(rate=0.5), (40,), training=True)
    first = dropped(r)
    assert np.array_equal(dropped(r), first)
    r.ctx.shared.step = 1
    second = dropped(r)
    assert not np.array_equal(second, first)
    r.ctx.shared.micro = 1
    assert not np.array_equal(dropped(r), second)
    r.ctx.shared.step = r.ctx.shared.micro = 0
    assert np.array_equal(dropped(r), first)  # whatever came in between

    elsewhere = Dropout(rate=0.5).forward(r.p, np.ones((50, 40)), r.ctx.child("other"))
    assert not np.array_equal(elsewhere, first)
    other_seed = rig(Dropout(rate=0.5), (40,), training=True)
    other_seed.ctx.shared.seed += 1
    assert not np.array_equal(dropped(other_seed), first)


def test_the_mask_is_the_same_in_every_precision() -> None:
    kept = [dropped(rig(Dropout(rate=0.3), (40,), training=True, dtype=t)) != 0 for t in ("f4", "f8", "c16")]
    assert np.array_equal(kept[0], kept[1])
    assert np.array_equal(kept[1], kept[2])


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_a_rate_that_is_no_share_is_refused(rate: float) -> None:
    with pytest.raises(ValidationError, match="rate"):
        Dropout(rate=rate)
