"""tied_dense: one array with two uses, whose gradients the Store adds up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.store import Decl, Plan
from bpcli.errors import BuildError
from bpcli.layers.sequential import Sequential
from tests.generic.rigs import draw, rig

WORDS = {"type": "embedding", "symbols": 5, "units": 3, "name": "words"}


def net(*layers: Any) -> Any:
    return Sequential.model_validate({"layers": list(layers)}).expand()


def refused(*layers: Any, shape: tuple[int, ...] = (4,)) -> BuildError:
    with pytest.raises(BuildError) as caught:
        net(*layers).build(shape, Decl(Plan(), (), ("model",)))
    return caught.value


def test_one_array_is_seen_twice_and_has_the_sum_of_two_gradients() -> None:
    r = rig(net(WORDS, {"type": "tied_dense", "to": "words"}), (4,))
    ids, dy = np.random.default_rng(1).integers(0, 5, (6, 4)), draw(6, (4, 5), 2)
    assert sum(param.name == "W" for param in r.store.params) == 1
    assert np.shares_memory(r.p.words.W, r.p.tied_dense1.W)
    assert not np.shares_memory(r.g.words.W, r.g.tied_dense1.W)
    y, _, _ = r.gradients(ids.astype(float), dy)
    W, b = r.p.words.W, r.p.tied_dense1.b
    np.testing.assert_allclose(y, W[ids] @ W.T + b, rtol=1e-14)
    expected = dy.reshape(-1, 5).T @ W[ids].reshape(-1, 3)
    np.add.at(expected, ids, dy @ W)
    np.testing.assert_allclose(r.g.words.W, expected, rtol=1e-12)


def test_a_second_pass_forgets_the_first() -> None:
    r = rig(net(WORDS, {"type": "tied_dense", "to": "words"}), (4,))
    x, dy = np.ones((6, 4)), draw(6, (4, 5), 2)
    _, _, once = r.gradients(x, dy)
    r.gradients(2 * x, 3 * dy)
    _, _, again = r.gradients(x, dy)
    assert np.array_equal(once, again)


def test_micro_batches_add_up_to_the_batch() -> None:
    r = rig(net(WORDS, {"type": "tied_dense", "to": "words"}), (4,))
    ids, dy = np.random.default_rng(1).integers(0, 5, (6, 4)).astype(float), draw(6, (4, 5), 2)
    _, _, whole = r.gradients(ids, dy)
    for k in range(3):
        r.forward(ids[2 * k : 2 * k + 2])
        r.backward(dy[2 * k : 2 * k + 2])
        r.store.sum_up(k, 3)
    np.testing.assert_allclose(r.store.g, whole, rtol=1e-13)


def test_with_nothing_of_its_own_it_still_passes_gradients_to_its_owner() -> None:
    """Without a bias and without a wish for dx, the second use has to go back all the same."""
    r = rig(net(WORDS, {"type": "tied_dense", "to": "words", "bias": False}), (4,))
    r.ctx.need_dx = False
    _, dx, dw = r.gradients(np.ones((2, 4)), draw(2, (4, 5), 2))
    assert dx is None
    assert r.p.tied_dense1.trainable
    assert dw.reshape(5, 3)[[0, 2, 3, 4]].any()  # rows that only the second use touches


def test_the_name_is_looked_for_in_the_same_list_first() -> None:
    inner = {
        "type": "sequential",
        "layers": [{"type": "dense", "units": 2, "name": "words"}, {"type": "tied_dense", "to": "words"}],
    }
    r = rig(net(WORDS, inner), (4,))
    assert r.output == (4, 3)
    assert np.shares_memory(r.p.sequential1.words.W, r.p.sequential1.tied_dense1.W)
    outer = {"type": "sequential", "layers": [{"type": "tied_dense", "to": "words"}]}
    assert rig(net(WORDS, outer), (4,)).output == (4, 5)


def test_what_cannot_be_tied() -> None:
    error = refused(WORDS, {"type": "tied_dense", "to": "wrods"})
    assert error.where == ("model", "layers", 1, "to")
    assert error.hint == "did you mean 'words'?"
    assert "there is none" in (refused({"type": "tied_dense", "to": "words"}).hint or "")
    error = refused(WORDS, {"type": "dense", "units": 4}, {"type": "tied_dense", "to": "words"})
    assert "the weights of 'words' are 5 × 3, so 3 features have to come in" in error.message
    twice = [
        {"type": "sequential", "name": key, "layers": [{"type": "dense", "units": 2, "name": "a"}]}
        for key in "xy"
    ]
    error = refused(WORDS, *twice, {"type": "tied_dense", "to": "a"})
    assert error.message == "2 earlier layers are named 'a'"
    conv = {"type": "conv1d", "filters": 2, "kernel": 2, "name": "c"}
    error = refused(conv, {"type": "tied_dense", "to": "c"}, shape=(4, 3))
    assert "no earlier layer with weights for features" in error.message
