"""batch_norm: what it is for, its running statistics, and batches that are hard for it."""

from __future__ import annotations

import numpy as np
import pytest

from bpcli.core.store import Decl, Plan
from bpcli.errors import BuildError
from bpcli.layers.batch_norm import BatchNorm
from tests.generic.laws import law_rows
from tests.generic.rigs import close, rig


def test_every_channel_comes_out_with_mean_zero_and_variance_one() -> None:
    r = rig(BatchNorm(scale=False, center=False, eps=1e-12), (5, 3), training=True)
    y = r.forward(np.random.default_rng(0).normal([5.0, -3.0, 100.0], [0.1, 7.0, 50.0], (64, 5, 3)))
    assert y.mean(axis=(0, 1)) == pytest.approx(0, abs=1e-12)
    assert y.var(axis=(0, 1)) == pytest.approx(1, rel=1e-9)


def test_float32_keeps_its_digits_far_from_zero_and_over_many_rows() -> None:
    x = np.random.default_rng(0).normal(100.0, 1.0, (50_000, 4)).astype("f4")
    r = rig(BatchNorm(scale=False, center=False), (4,), training=True, dtype="f4")
    exact = rig(BatchNorm(scale=False, center=False), (4,), training=True).forward(x.astype("f8"))
    assert np.abs(r.forward(x) - exact).max() < 1e-3


def test_running_statistics_reach_those_of_the_data_and_evaluation_uses_them() -> None:
    r = rig(BatchNorm(momentum=0.5), (2,), training=True)
    x = np.random.default_rng(0).normal([2.0, -1.0], [3.0, 0.5], (200, 2))
    for _ in range(60):
        r.forward(x)
        r.ctx.commit(r.p)
    assert r.p.running_mean == pytest.approx(x.mean(0), rel=1e-12)
    assert r.p.running_var == pytest.approx(x.var(0, ddof=1), rel=1e-12)
    r.ctx.shared.training = False
    y = r.forward(x)
    by_hand = (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + 1e-5) * r.p.gamma + r.p.beta
    close(y, by_hand)


def test_evaluation_takes_rows_one_by_one() -> None:
    law_rows(rig(BatchNorm(), (3,), training=False))


def test_one_row_has_no_variance_to_learn_from() -> None:
    r = rig(BatchNorm(), (3,), training=True)
    before = r.store.s.copy()
    y, dx, dw = r.gradients(np.array([[1.0, 2.0, 3.0]]), np.ones((1, 3)))
    r.ctx.commit(r.p)
    assert np.array_equal(y[0], r.p.beta)
    assert np.array_equal(dx, np.zeros((1, 3)))
    assert np.isfinite(dw).all()
    assert np.array_equal(r.store.s, before)


def test_a_constant_channel_stays_finite() -> None:
    r = rig(BatchNorm(), (2,), training=True, dtype="f4")
    y, dx, dw = r.gradients(np.full((8, 2), 3.0, "f4"), np.ones((8, 2), "f4"))
    for array in (y, dx, dw):
        assert np.isfinite(array).all()
    close(y, np.broadcast_to(r.p.beta, (8, 2)), 1e-4)


def test_its_parameters_are_not_decayed_and_can_be_left_out() -> None:
    r = rig(BatchNorm(), (3,))
    assert [(q.name, q.decay) for q in r.store.params] == [("gamma", False), ("beta", False)]
    assert [q.name for q in rig(BatchNorm(scale=False), (3,)).store.params] == ["beta"]
    assert [q.name for q in rig(BatchNorm(center=False), (3,)).store.params] == ["gamma"]


def test_first_values() -> None:
    """At first γ = 1, β = 0, and the running statistics are those of a standard normal."""
    r = rig(BatchNorm(), (3,))
    r.store.initialize(seed=0)
    assert r.p.gamma.tolist() == r.p.running_var.tolist() == [1.0] * 3
    assert r.p.beta.tolist() == r.p.running_mean.tolist() == [0.0] * 3


def test_no_channels() -> None:
    with pytest.raises(BuildError, match="at least one channel"):
        BatchNorm().build((), Decl(Plan()))


def test_nested_state_is_committed_at_its_own_place_below_a_model() -> None:
    """The workspace of a net lies below its model's; the state goes to the net's own tree."""
    from bpcli.core.ctx import Ctx, Pass
    from bpcli.layers.sequential import Sequential

    net = Sequential.model_validate({"layers": [{"type": "dense", "units": 3}, "batch_norm"]})
    r = rig(net, (2,), training=True)
    before = r.store.s.copy()
    root = Ctx(Pass(r.store.backend, training=True))
    net.forward(r.p, np.random.default_rng(0).normal(size=(6, 2)), root.child("net"))
    root.child("net").commit(r.p)
    assert (r.store.s != before).all()
    assert set(r.p) == {"dense1", "batch_norm1"}
