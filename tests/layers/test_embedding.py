"""embedding: which rows, what their gradients are, and what is no number of a symbol."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.store import Decl, Plan
from bpcli.errors import BuildError, DataError
from bpcli.spec.registry import family
from tests.generic.rigs import Rig, draw, rig


def embedding(**fields: Any) -> Any:
    return family("layers")["embedding"].model_validate(fields)


def gradient(r: Rig, ids: Any, dy: Any) -> Any:
    r.forward(ids)
    r.store.g[:] = np.nan
    r.backward(dy)
    return r.store.g.reshape(-1, dy.shape[-1])


@pytest.mark.parametrize("symbols", [5, 128, 129, 5000])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_rows_and_their_gradients(symbols: int, dtype: str) -> None:
    """Both ways of summing, on symbols that come often, once and never."""
    r = rig(embedding(symbols=symbols, units=4), (6,), dtype=dtype)
    ids = np.minimum(np.random.default_rng(symbols).zipf(1.3, (30, 6)) - 1, symbols - 1)
    ids[0, 0] = symbols - 1
    dy = draw(30, (6, 4), 2, dtype)
    y = r.forward(ids.astype(dtype))
    assert y.dtype == dtype
    assert np.array_equal(y, r.p.W[ids])
    expected = np.zeros((symbols, 4), np.complex128)
    np.add.at(expected, ids, dy)
    np.testing.assert_allclose(
        gradient(r, ids.astype(dtype), dy),
        expected,
        rtol=1e-5 if dtype == "float32" else 1e-12,
        atol=1e-5 if dtype == "float32" else 1e-12,
    )


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32"])
def test_numbers_of_any_kind_and_any_shape(dtype: str) -> None:
    for shape in ((), (3,), (2, 3)):
        r = rig(embedding(symbols=7, units=2), shape)
        ids = np.random.default_rng(1).integers(0, 7, (5, *shape))
        assert np.array_equal(r.forward(ids.astype(dtype)), r.p.W[ids])


def test_an_empty_batch_has_a_gradient_of_zero() -> None:
    for symbols in (5, 500):
        r = rig(embedding(symbols=symbols, units=2), (3,))
        assert not gradient(r, np.zeros((0, 3)), np.zeros((0, 3, 2))).any()


def test_the_mask_leaves_out_symbol_zero() -> None:
    r = rig(embedding(symbols=5, units=2, mask_zero=True), (4,))
    r.forward(np.array([[1.0, 0, 3, 0], [0, 0, 0, 0]]))
    assert r.ctx.mask.tolist() == [[True, False, True, False], [False] * 4]
    r.ctx.mask = np.array([[True, True, False, False], [True] * 4])
    r.forward(np.array([[1.0, 0, 3, 0], [1, 1, 0, 0]]))
    assert r.ctx.mask.tolist() == [[True, False, False, False], [True, True, False, False]]
    with pytest.raises(BuildError, match="a mask is for sequences of symbols"):
        embedding(symbols=5, units=2, mask_zero=True).build((2, 3), Decl(Plan()))


@pytest.mark.parametrize(
    ("value", "told", "hint"),
    [
        (5.0, "has 5 symbols, 0 to 4, and gets 5", "set symbols: 6 or more"),
        (1e9, "gets 1000000000", "set symbols: 1000000001 or more"),
        (-1.0, "has 5 symbols, 0 to 4, and gets -1", "number the symbols from 0"),
        (0.5, "which are whole, and gets 0.5", "neither scaled"),
        (np.nan, "which are whole, and gets nan", "neither scaled"),
        (np.inf, "which are whole, and gets inf", "neither scaled"),
    ],
)
def test_what_is_no_symbol_is_an_error_and_never_another_symbol(value: float, told: str, hint: str) -> None:
    net: Any = family("layers")["sequential"].model_validate(
        {"layers": [{"type": "embedding", "symbols": 5, "units": 2}]}
    )
    r = rig(net, (3,))
    x = np.array([[0.0, 4.0, 1.0], [2.0, value, 3.0]])
    with np.errstate(all="ignore"), pytest.raises(DataError) as caught:
        r.forward(x)
    assert told in str(caught.value)
    assert hint in (caught.value.problems[0].hint or "")


def test_the_steps_of_a_gradient_check_are_no_other_symbols() -> None:
    r = rig(embedding(symbols=5, units=2), (3,))
    x = np.array([[0.0, 4.0, 1.0]])
    assert np.array_equal(r.forward(x + 1e-5), r.p.W[x.astype(int)])
    c = rig(embedding(symbols=5, units=2), (3,), dtype="complex128")
    assert np.array_equal(c.forward(x + 1e-20j), c.p.W[x.astype(int)])


def test_the_vocabulary_says_how_many_symbols_there_are() -> None:
    plan = Plan(symbols=9)
    embedding(units=2).build((3,), Decl(plan))
    assert plan.params[0].shape == (9, 2)
    with pytest.raises(BuildError, match="the data has 9 symbols, more than 8"):
        embedding(symbols=8, units=2).build((3,), Decl(Plan(symbols=9)))
    with pytest.raises(BuildError, match="no symbols whose vocabulary"):
        embedding(units=2).build((3,), Decl(Plan()))
