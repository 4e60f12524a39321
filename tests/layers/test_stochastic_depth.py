"""`drop` of residual and resnet: which examples do without the layers, and what the others get."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.layers.residual import Residual
from bpcli.layers.resnet import Resnet
from tests.generic.laws import law_rows
from tests.generic.rigs import close, rig


def residual(drop: float, *, training: bool = True, **fields: Any) -> Any:
    layers = [{"type": "dense", "units": 3, "activation": "tanh"}]
    layer = Residual.model_validate({"layers": layers, "drop": drop, **fields})
    return rig(layer, (3,), training=training)


@pytest.mark.parametrize("projection", [False, True])
def test_an_example_goes_without_f_or_with_f_scaled_up(projection: bool) -> None:
    r, x = residual(0.3, projection=projection), np.random.default_rng(0).normal(size=(2000, 3))
    y = r.forward(x).copy()
    f = np.tanh(x @ r.p.dense1.W + r.p.dense1.b)
    past = x @ r.p.P if projection else x
    dropped = np.abs(y - past).max(axis=1) < 1e-12
    close(y[~dropped], (past + f / 0.7)[~dropped])
    assert dropped.mean() == pytest.approx(0.3, abs=0.03)


def test_evaluation_has_every_layer() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    r = residual(0.6, training=False)
    close(r.forward(x), x + np.tanh(x @ r.p.dense1.W + r.p.dense1.b))
    law_rows(r)


def test_the_mean_over_many_steps_is_the_whole_net() -> None:
    r, x = residual(0.5), np.random.default_rng(0).normal(size=(4, 3))
    total = np.zeros_like(x)
    for step in range(4000):
        r.ctx.shared.step = step
        total += r.forward(x)
    f = np.tanh(x @ r.p.dense1.W + r.p.dense1.b)
    assert np.abs(total / 4000 - x - f).max() < 5 * np.abs(f).max() / 4000**0.5


def test_each_step_and_each_place_draws_for_itself() -> None:
    block = {"type": "residual", "layers": [{"type": "dense", "units": 3}], "drop": 0.5}
    from bpcli.layers.sequential import Sequential

    r = rig(Sequential.model_validate({"layers": [block, block]}), (3,), training=True)
    x = np.ones((64, 3))
    masks = []
    for step in (0, 1, 0):
        r.ctx.shared.step = step
        r.forward(x)
        masks.append([r.ctx.child(f"residual{k}").saved[2].ravel().copy() for k in (1, 2)])
    assert np.array_equal(masks[0], masks[2])
    assert not np.array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[0][0], masks[0][1])


def test_what_is_dropped_learns_nothing_from_that_example() -> None:
    r, x = residual(0.5), np.random.default_rng(0).normal(size=(6, 3))
    dy = np.random.default_rng(1).normal(size=(6, 3))
    y, dx, _ = r.gradients(x, dy)
    dropped = np.array_equal(y, x) | (np.abs(y - x).max(axis=1) < 1e-15)
    assert 0 < dropped.sum() < 6
    assert np.array_equal(dx[dropped], dy[dropped])
    kept = ~dropped
    z = np.tanh(x[kept] @ r.p.dense1.W + r.p.dense1.b)
    close(r.g.dense1.W, x[kept].T @ (2 * dy[kept] * (1 - z**2)))


def test_without_drop_training_is_as_it_was() -> None:
    x = np.random.default_rng(0).normal(size=(5, 3))
    here, there = residual(0.0), residual(0.0, training=False)
    assert np.array_equal(here.forward(x), there.forward(x))


def rates(**fields: Any) -> list[float]:
    children = Resnet.model_validate(fields).expand().children()
    return [layer.drop for _, layer in children if isinstance(layer, Residual)]


def test_the_rate_of_a_resnet_grows_with_depth() -> None:
    assert rates(depth=14, widths=[4, 8], drop=0.6) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert rates(depth=20, drop=0.5)[0] == pytest.approx(0.5 / 9)
    assert rates(depth=20) == [0.0] * 9


def test_a_plain_net_has_nothing_to_drop() -> None:
    with pytest.raises(ValidationError, match="only where x goes past it"):
        Resnet.model_validate({"drop": 0.5, "skip": False})


@pytest.mark.parametrize("drop", [1.0, -0.1])
def test_rates_that_make_no_sense(drop: float) -> None:
    with pytest.raises(ValidationError, match="drop"):
        residual(drop)
