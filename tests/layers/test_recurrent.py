"""Recurrent cells against loops written out, their first weights, their dropout, and threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.rows import Pool
from bpcli.core.store import Decl, Plan
from bpcli.errors import BuildError
from bpcli.spec.registry import family
from tests.generic.rigs import Rig, close, draw, rig

CELLS = ("simple_rnn", "gru", "lstm")


def layer(name: str, **fields: Any) -> Any:
    found: Any = family("layers")[name].model_validate(fields)
    return found.expand()


def sigma(z: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-z))


# --- one step at a time, as the formulas have it -------------------------------------------------------


def split(a: Any, count: int) -> list[Any]:
    return np.split(a, count, axis=-1)


def elman(p: Any, x: Any, h: Any, c: Any, m: Any) -> tuple[Any, Any]:
    return np.tanh(x @ p.W + (h * m) @ p.U + p.b), c


def gru_after(p: Any, x: Any, h: Any, c: Any, m: Any) -> tuple[Any, Any]:
    (xr, xz, xn), (hr, hz, hn) = split(x @ p.W + p.b, 3), split((h * m) @ p.U, 3)
    r, z = sigma(xr + hr), sigma(xz + hz)
    return z * h + (1 - z) * np.tanh(xn + r * (hn + p.a)), c


def gru_before(p: Any, x: Any, h: Any, c: Any, m: Any) -> tuple[Any, Any]:
    (xr, xz, xn), (ur, uz, un) = split(x @ p.W + p.b, 3), split(p.U, 3)
    r, z = sigma(xr + (h * m) @ ur), sigma(xz + (h * m) @ uz)
    return z * h + (1 - z) * np.tanh(xn + (r * h * m) @ un), c


def lstm(p: Any, x: Any, h: Any, c: Any, m: Any) -> tuple[Any, Any]:
    i, f, o, g = split(x @ p.W + (h * m) @ p.U + p.b, 4)
    c = sigma(f) * c + sigma(i) * np.tanh(g)
    return sigma(o) * np.tanh(c), c


def lstm_with_peepholes(p: Any, x: Any, h: Any, c: Any, m: Any) -> tuple[Any, Any]:
    i, f, o, g = split(x @ p.W + (h * m) @ p.U + p.b, 4)
    c = sigma(f + p.P[1] * c) * c + sigma(i + p.P[0] * c) * np.tanh(g)
    return sigma(o + p.P[2] * c) * np.tanh(c), c


FORMULAS: dict[str, tuple[Any, dict[str, Any]]] = {
    "simple_rnn": (elman, {"type": "simple_rnn"}),
    "gru after": (gru_after, {"type": "gru"}),
    "gru before": (gru_before, {"type": "gru", "reset": "before"}),
    "lstm": (lstm, {"type": "lstm"}),
    "lstm with peepholes": (lstm_with_peepholes, {"type": "lstm", "peepholes": True}),
}
over_formulas = pytest.mark.parametrize(("cell", "fields"), FORMULAS.values(), ids=list(FORMULAS))
SIZES = [(5, 7, 3, 4), (1, 1, 1, 1), (3, 6, 2, 5)]


def looped(cell: Any, p: Any, x: Any, mask: Any, m: Any, reverse: bool) -> Any:
    """(n, t, units), each row and step by itself; a masked step is passed over and gives 0."""
    n, t, _ = x.shape
    H = p.U.shape[0]
    y = np.zeros((n, t, H), p.U.dtype)
    last = np.zeros((n, H), p.U.dtype)
    for row in range(n):
        h, c = np.zeros(H, p.U.dtype), np.zeros(H, p.U.dtype)
        for step in reversed(range(t)) if reverse else range(t):
            if mask[row, step]:
                h, c = cell(p, x[row, step], h, c, m[row])
                y[row, step] = h
        last[row] = h
    return y, last


@over_formulas
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_cell_is_its_formula(
    cell: Any, fields: dict[str, Any], sizes: tuple[int, ...], reverse: bool, dropout: float
) -> None:
    n, t, features, units = sizes
    fields = fields | {"units": units, "reverse": reverse, "recurrent_dropout": dropout}
    mask = np.random.default_rng(units).random((n, t)) < 0.7
    x = draw(n, (t, features), 1)
    for sequences in (True, False):
        r = rig(layer(fields["type"], **fields, return_sequences=sequences), (t, features), training=True)
        r.ctx.mask = mask
        y = r.forward(x)
        m = np.ones((n, units)) if not dropout else r.ctx.saved[1].kept
        expected = looped(cell, r.p, x, mask, m, reverse)
        np.testing.assert_allclose(y, expected[not sequences], rtol=1e-12, atol=1e-14)


@over_formulas
@pytest.mark.parametrize("reverse", [False, True])
def test_the_gradient_is_that_of_the_loop(cell: Any, fields: dict[str, Any], reverse: bool) -> None:
    """Backward against the complex step through the written-out loop, with masked steps and dropout."""
    fields = fields | {"units": 3, "reverse": reverse, "recurrent_dropout": 0.4, "return_sequences": True}
    made = layer(fields["type"], **fields)
    r, there = (rig(made, (5, 2), training=True, dtype=dtype) for dtype in ("float64", "complex128"))
    mask = np.random.default_rng(3).random((4, 5)) < 0.7
    x, dy = draw(4, (5, 2), 1), draw(4, (5, 3), 2)
    r.ctx.mask = mask
    _, dx, dw = r.gradients(x, dy)
    m, point = r.ctx.saved[1].kept, x.astype(complex)
    for gradient, vector in ((dw, there.store.w), (dx.ravel(), point.reshape(-1))):
        for k in range(len(vector)):
            vector[k] += 1e-20j
            y, _ = looped(cell, there.p, point, mask, m, reverse)
            vector[k] -= 1e-20j
            slope = (y * dy * mask[:, :, None]).sum().imag / 1e-20
            assert abs(slope - gradient[k]) <= 1e-12 * np.abs(gradient).max()


# --- first weights --------------------------------------------------------------------------------------


def first_weights(made: Any, shape: tuple[int, ...] = (4, 30)) -> Rig:
    r = rig(made, shape)
    r.store.initialize(seed=5)
    return r


@pytest.mark.parametrize(("name", "gates"), [("simple_rnn", 1), ("gru", 3), ("lstm", 4)])
def test_each_gate_is_drawn_by_itself(name: str, gates: int) -> None:
    """U is orthogonal gate by gate, and W has the limits of one gate's size, not those of the wide matrix."""
    p = first_weights(layer(name, units=20)).p
    for part in split(p.U, gates):
        np.testing.assert_allclose(part.T @ part, np.eye(20), atol=1e-12)
    limit = np.sqrt(6.0 / (30 + 20))
    for part in split(p.W, gates):
        assert 0.9 * limit < np.abs(part).max() <= limit
    parts = split(p.W, gates)
    assert not any(np.array_equal(parts[0], other) for other in parts[1:])


def test_the_forget_bias_is_added_to_what_the_bias_starts_with() -> None:
    b = first_weights(layer("lstm", units=2)).p.b
    assert b.tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    init = {"type": "constant", "value": 0.5}
    b = first_weights(layer("lstm", units=2, forget_bias=-2.0, bias_init=init)).p.b
    assert b.tolist() == [0.5, 0.5, -1.5, -1.5, 0.5, 0.5, 0.5, 0.5]


def test_penalties_and_decay_are_for_weights_not_for_biases() -> None:
    for name in CELLS:
        plan = Plan()
        layer(name, units=2, l1=0.1, l2=0.2).build((3, 4), Decl(plan))
        for param in plan.params:
            weights = param.name in "WU"
            assert (param.l1, param.l2) == ((0.1, 0.2) if weights else (0.0, 0.0))
            assert param.decay == weights


# --- dropout --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELLS)
def test_recurrent_dropout_is_one_draw_for_all_steps_and_for_training_alone(name: str) -> None:
    made = layer(name, units=6, recurrent_dropout=0.5, return_sequences=True)
    plain = layer(name, units=6, return_sequences=True)
    x = draw(5, (4, 3), 1)
    off, without, on = rig(made, (4, 3)), rig(plain, (4, 3)), rig(made, (4, 3), training=True)
    assert np.array_equal(off.forward(x), without.forward(x))
    first = on.forward(x).copy()
    np.testing.assert_allclose(first[:, 0], without.forward(x)[:, 0], rtol=1e-14)  # the first state is 0
    assert not np.allclose(first[:, 1], without.forward(x)[:, 1])
    kept = on.ctx.saved[1].kept
    assert sorted(set(kept.ravel().tolist())) == [0.0, 2.0]
    assert np.array_equal(on.forward(x), first)  # the same step, the same draw
    on.ctx.shared.step = 1
    assert not np.array_equal(on.forward(x), first)


# --- threads and blocks of rows ------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELLS)
def test_the_bits_do_not_depend_on_the_threads(name: str) -> None:
    made = layer(name, units=128, return_sequences=True, recurrent_dropout=0.2)
    one, two = rig(made, (3, 4), training=True), rig(made, (3, 4), training=True)
    two.ctx.shared.pool = Pool(3)
    x, dy = draw(70, (3, 4), 1), draw(70, (3, 128), 2)
    here, there = one.gradients(x, dy), two.gradients(x, dy)
    assert len(one.ctx.saved[1].blocks()) == 2
    for a, b in zip(here, there, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("name", CELLS)
def test_blocks_of_rows_give_what_the_rows_give(name: str) -> None:
    made = layer(name, units=128)
    r = rig(made, (3, 4))
    x = draw(70, (3, 4), 1)
    y = r.forward(x).copy()
    close(np.concatenate([r.forward(x[k : k + 7]).copy() for k in range(0, 70, 7)]), y)


def test_other_lengths_and_batches_share_the_memory_of_the_longest() -> None:
    r = rig(layer("lstm", units=3, return_sequences=True), (9, 2))
    fresh = rig(layer("lstm", units=3, return_sequences=True), (9, 2))
    r.gradients(draw(8, (9, 2), 1), draw(8, (9, 3), 2))
    held = {name: id(a) for name, a in r.ctx._buffers.items() if name in ("z", "h", "c", "dz", "x")}
    for n, t in ((8, 5), (3, 9), (1, 1)):
        x, dy = draw(n, (t, 2), n), draw(n, (t, 3), t)
        for a, b in zip(r.gradients(x, dy), fresh.gradients(x, dy), strict=True):
            close(a, b)
        assert held == {name: id(r.ctx._buffers[name]) for name in held}


# --- what is refused -----------------------------------------------------------------------------------


def refused(made: Any, shape: Any) -> BuildError:
    with pytest.raises(BuildError) as caught:
        made.build(shape, Decl(Plan(), (), ("model",)))
    return caught.value


def test_what_is_no_sequence_of_vectors() -> None:
    error = refused(layer("gru", units=2), (5,))
    assert error.message == "gru reads sequences of vectors, (steps, features), and gets (5,)"
    assert error.hint == "put an embedding before it, or a reshape with shape: [-1, 1]"
    assert "reshape" in (refused(layer("lstm", units=2), (5, 4, 3)).hint or "")


def test_flops_count_both_products() -> None:
    assert layer("lstm", units=8).flops((5, 3), (8,)) == 2 * 5 * (3 + 8) * 4 * 8
    assert layer("gru", units=8).flops(((5, 3), (8,)), (8,)) == 2 * 5 * (3 + 8) * 3 * 8
