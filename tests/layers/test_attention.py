"""Attention: who is looked at, what masks hide, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.core.ctx import Ctx, Pass
from bpcli.core.rows import Pool
from bpcli.core.store import Decl, Plan
from bpcli.errors import BuildError
from bpcli.layers.attention import Attention
from bpcli.layers.multi_head_attention import MultiHeadAttention
from bpcli.layers.sequential import Sequential
from tests.generic.laws import complex_step
from tests.generic.rigs import Rig, draw, rig

ATTENTION = Attention()
HEADS = MultiHeadAttention(heads=2)


def attention(heads: bool, **fields: Any) -> Any:
    return MultiHeadAttention(heads=2, **fields) if heads else Attention(**fields)


def both(r: Rig, xs: Any, dy: Any, *masks: Any) -> list[Any]:
    """Copies of y, of dx (of each input) and of the parameters' gradient."""
    r.ctx.mask, r.ctx.masks = masks[0], masks
    y, dx, dw = r.layer.forward(r.p, xs, r.ctx).copy(), None, r.store.g
    dw[:] = np.nan
    dx = r.layer.backward(r.p, r.g, dy, r.ctx)
    return [y, *(part.copy() for part in (dx if isinstance(dx, tuple) else (dx,))), dw.copy()]


# --- values --------------------------------------------------------------------------------------------


def test_the_values_are_averaged_by_how_well_their_keys_match() -> None:
    r = rig(Attention(scale=False), ((1, 1), (2, 1), (2, 1)))
    q, k, v = np.full((1, 1, 1), np.log(3.0)), np.array([[[1.0], [0.0]]]), np.array([[[8.0], [4.0]]])
    assert r.forward((q, k, v)).item() == pytest.approx((3 * 8 + 1 * 4) / 4)


def test_the_scores_are_divided_by_the_root_of_the_width() -> None:
    x = draw(2, (3, 4), 1), draw(2, (5, 4), 2)
    scaled = rig(ATTENTION, ((3, 4), (5, 4))).forward(x)
    plain = rig(Attention(scale=False), ((3, 4), (5, 4))).forward((x[0] / 2.0, x[1]))
    np.testing.assert_allclose(scaled, plain, rtol=1e-14)


def test_large_scores_stay_finite() -> None:
    r = rig(ATTENTION, ((2, 3), (4, 3)), dtype="float32")
    xs = 1e6 * draw(2, (2, 3), 1, "float32"), 1e6 * draw(2, (4, 3), 2, "float32")
    for array in both(r, xs, draw(2, (2, 3), 3, "float32"), None, None):
        assert np.isfinite(array).all()


@pytest.mark.parametrize("heads", [False, True])
def test_a_causal_step_does_not_see_what_comes_later(heads: bool) -> None:
    r = rig(attention(heads, causal=True), ((4, 4), (6, 4)))
    xs, dy = (draw(2, (4, 4), 1), draw(2, (6, 4), 2)), draw(2, (4, 4), 3)
    y = r.forward(xs).copy()
    for t in range(4):
        later = xs[1].copy()
        later[:, t + 1 :] = 1e6
        assert np.array_equal(r.forward((xs[0], later))[:, : t + 1], y[:, : t + 1])
    _, _, d_value, _ = both(r, xs, dy, None, None)
    assert not d_value[:, 4:].any()


# --- masks ---------------------------------------------------------------------------------------------


MASK = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool)


@pytest.mark.parametrize("heads", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("count", [2, 3])
def test_padding_changes_nothing(heads: bool, causal: bool, count: int) -> None:
    """Neither the outputs nor any gradient, to the last bit; and its own gradient is 0."""
    shapes = ((6, 4), (5, 4), (5, 4))[:count]
    r = rig(attention(heads, causal=causal), shapes)
    xs, dy = tuple(draw(4, shape, j) for j, shape in enumerate(shapes)), draw(4, (6, 4), 9)
    masks = (None, MASK, None)[:count]
    before = both(r, xs, dy, *masks)
    for x in xs[1:]:
        x[~MASK] = 1e6
    for a, b in zip(both(r, xs, dy, *masks), before, strict=True):
        assert np.array_equal(a, b)
    for dx in before[2:-1]:
        assert not dx[~MASK].any()
        assert dx[MASK].any()


def test_padding_in_one_sequence_that_looks_at_itself() -> None:
    r = rig(HEADS, (5, 4))
    x, dy = draw(4, (5, 4), 1), draw(4, (5, 4), 2) * MASK[:, :, None]  # nobody reads a masked step
    before = both(r, x, dy, MASK)
    x[~MASK] = 1e6
    after = both(r, x, dy, MASK)
    assert np.array_equal(after[0][MASK], before[0][MASK])
    assert np.array_equal(after[1], before[1])
    assert np.array_equal(after[2], before[2])
    assert not before[1][~MASK].any()


@pytest.mark.parametrize("heads", [False, True])
def test_a_query_that_sees_no_key_gives_zero(heads: bool) -> None:
    r = rig(attention(heads, **({"bias": False} if heads else {})), ((3, 4), (5, 4)))
    xs, dy = (draw(4, (3, 4), 1), draw(4, (5, 4), 2)), draw(4, (3, 4), 3)
    y, dq, dv, dw = both(r, xs, dy, None, MASK)
    assert not y[3].any()
    assert not dq[3].any()
    assert not dv[3].any()
    assert all(np.isfinite(array).all() for array in (y, dq, dv, dw))
    assert y[:3].all()


@pytest.mark.parametrize("heads", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_gradients_with_masks(heads: bool, causal: bool) -> None:
    """Against the complex step, rows without a key among them."""
    shapes = ((6, 4), (5, 4))
    here = rig(attention(heads, causal=causal), shapes)
    xs, dy = (draw(4, (6, 4), 1), draw(4, (5, 4), 2)), draw(4, (6, 4), 3)
    _, *dxs, dw = both(here, xs, dy, None, MASK)
    there = rig(attention(heads, causal=causal), shapes, dtype="complex128")
    there.ctx.masks = (None, MASK)
    inputs = tuple(x.astype(complex) for x in xs)
    rng = np.random.default_rng(4)
    for analytic, vector in zip((*dxs, dw), (*inputs, there.store.w), strict=True):
        for _ in range(20 if vector.size else 0):
            d = rng.normal(size=vector.shape)
            slope = complex_step(lambda: (dy * there.forward(inputs)).sum(), vector, d, 1.0)
            assert (analytic * d).sum() == pytest.approx(slope, rel=1e-11, abs=1e-11)


def test_both_keys_and_values_may_be_masked() -> None:
    r = rig(ATTENTION, ((2, 3), (3, 3), (3, 3)))
    xs = tuple(draw(1, shape, j) for j, shape in enumerate(((2, 3), (3, 3), (3, 3))))
    one, two = np.array([[True, False, True]]), np.array([[True, True, False]])
    r.ctx.masks = (None, one, two)
    assert np.allclose(r.forward(xs), xs[2][:, :1])  # one key is left


def test_what_comes_out_has_the_mask_of_the_query() -> None:
    net = Sequential.model_validate(
        {
            "inputs": ["a", "b"],
            "layers": [
                {"type": "dense", "units": 4, "from": "b", "name": "memory"},
                {"type": "multi_head_attention", "heads": 2, "from": ["a", "memory"]},
            ],
        }
    )
    query = MASK[1:2, :3]
    for masks, expected in (((None, MASK[:1]), None), ((query, None), query)):
        plan = Plan(masked=True, masked_each=tuple(mask is not None for mask in masks))
        net.build(((3, 4), (5, 4)), Decl(plan))
        assert plan.masked == (expected is not None)
        r = rig(net, ((3, 4), (5, 4)))
        r.ctx.masks = masks
        r.forward((draw(1, (3, 4), 1), draw(1, (5, 4), 2)))
        assert r.ctx.mask is expected


def test_padding_passes_a_mask_on_through_self_attention() -> None:
    r = rig(Sequential.model_validate({"layers": [{"type": "multi_head_attention", "heads": 2}]}), (5, 4))
    r.ctx.mask = MASK
    r.forward(draw(4, (5, 4), 1))
    assert r.ctx.mask is MASK


# --- dropout, threads ----------------------------------------------------------------------------------


def test_dropout_leaves_out_weights_in_training_alone() -> None:
    layer, shape = MultiHeadAttention(heads=2, dropout=0.5), (6, 4)
    x = draw(3, shape, 1)
    plain, evaluated = (rig(one, shape).forward(x).copy() for one in (HEADS, layer))
    assert np.array_equal(plain, evaluated)
    r = rig(layer, shape, training=True)
    trained = r.forward(x).copy()
    assert not np.allclose(trained, plain)
    assert np.array_equal(r.forward(x), trained)
    r.ctx.shared.step = 1
    assert not np.allclose(r.forward(x), trained)


def test_the_weights_of_dropout_keep_their_mean() -> None:
    """Values of 1 are averaged to 1, over many draws, and half of the weights are 0."""
    r = rig(MultiHeadAttention(heads=1, dropout=0.5, bias=False), (40, 1), training=True)
    for W in (r.p.Wq, r.p.Wk, r.p.Wv, r.p.Wo):
        W[...] = 1.0
    y = r.forward(np.ones((200, 40, 1)))
    assert y.mean() == pytest.approx(1.0, abs=0.01)
    _, _, _, _, w, used = r.ctx.saved[-1]
    assert (used == 0).mean() == pytest.approx(0.5, abs=0.01)
    assert w == pytest.approx(np.full_like(w, 1 / 40))


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_the_bits_do_not_depend_on_the_threads(dropout: float) -> None:
    """Nor, without dropout, on how the rows are cut into blocks: each is what it is alone."""
    shape, found = (64, 32), []
    x, dy = draw(64, shape, 1, "float32"), draw(64, shape, 2, "float32")
    mask = np.arange(64) < np.random.default_rng(3).integers(1, 65, 64)[:, None]
    layer = MultiHeadAttention(heads=4, dropout=dropout, causal=True)
    for threads in (1, 3):
        r = rig(layer, shape, dtype="float32", training=True)
        r.ctx = Ctx(Pass(r.store.backend, seed=7, training=True, pool=Pool(threads)))
        r.ctx.mask = mask
        found.append(r.gradients(x, dy))
    for one, three in zip(*found, strict=True):
        assert np.array_equal(one, three)
    if not dropout:
        for row in (0, 20, 63):
            r.ctx.mask = mask[row : row + 1]
            np.testing.assert_allclose(r.forward(x[row : row + 1])[0], found[0][0][row], atol=1e-5)


# --- what is refused -----------------------------------------------------------------------------------


def build(layer: Any, shape: Any, **plan: Any) -> Any:
    return layer.build(shape, Decl(Plan(**plan), (), ("model", "layers", 3)))


@pytest.mark.parametrize(
    ("layer", "shape", "told"),
    [
        (ATTENTION, (3, 4), r"layers\[3\]: attention looks .* gets one; name them: from: \[query, value\]"),
        (ATTENTION, ((3, 4), (3, 5)), "queries of 4 features cannot be matched with keys of 5"),
        (ATTENTION, ((3, 4), (5, 4), (6, 4)), "keys have 5 steps and the values 6"),
        (HEADS, ((3, 4), (4,)), r"takes sequences of vectors .* gets \(3, 4\), \(4,\)"),
        (HEADS, ((3, 4),) * 4, "takes sequences"),
        (HEADS, (4,), "takes sequences"),
        (
            MultiHeadAttention(heads=4),
            (3, 18),
            r"18 features .* 4 heads; take 6 or 9 or 18 heads, or say key",
        ),
    ],
)
def test_shapes_that_do_not_fit(layer: Any, shape: Any, told: str) -> None:
    with pytest.raises(BuildError, match=told) as caught:
        build(layer, shape)
    assert caught.value.where[:3] == ("model", "layers", 3)


def test_a_mask_of_nobody_knows_which_input() -> None:
    with pytest.raises(BuildError, match="cannot tell which of its 2 inputs is masked"):
        build(HEADS, ((3, 4), (3, 4)), masked=True, masked_each=(True,))
    assert build(HEADS, ((3, 4), (3, 4)), masked=True, masked_each=(True, False)) == (3, 4)


def test_options_out_of_range() -> None:
    for fields in ({"heads": 0}, {"heads": 1, "dropout": 1.0}, {"heads": 1, "key_units": 0}, {}):
        with pytest.raises(ValidationError):
            MultiHeadAttention.model_validate(fields)


def test_the_parameters_are_those_of_the_paper() -> None:
    plan = Plan()
    HEADS.build((3, 8), Decl(plan))
    shapes = {param.name: param.shape for param in plan.params}
    assert shapes == {f"W{one}": (8, 8) for one in "qkvo"} | {f"b{one}": (8,) for one in "qkvo"}
    assert {param.decay for param in plan.params if param.name.startswith("b")} == {False}
    assert {(param.fan_in, param.fan_out) for param in plan.params} == {(8, 8)}


def test_operations_are_counted() -> None:
    """Four products of (3, 8) and (8, 8), and two of (3, 4) and (4, 3) in each of two heads."""
    assert HEADS.flops((3, 8), (3, 8)) == 4 * 2 * 3 * 8 * 8 + 2 * 2 * 2 * 3 * 3 * 4
    assert ATTENTION.flops(((3, 4), (5, 4)), (3, 4)) == 2 * 2 * 3 * 5 * 4
