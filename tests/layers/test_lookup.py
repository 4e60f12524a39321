"""What an embedding need not copy: where rows of its table are looked up later, and no number changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.layers._lookup import Lookup
from bpcli.layers.sequential import Sequential
from tests.generic.rigs import close, draw, rig


def net(*layers: Any) -> Any:
    return Sequential.model_validate({"layers": list(layers)}).expand()


def words(symbols: int, **fields: Any) -> dict[str, Any]:
    return {"type": "embedding", "symbols": symbols, "units": 3, "name": "words", **fields}


CELLS: list[dict[str, Any]] = [
    {"type": "simple_rnn", "units": 4},
    {"type": "gru", "units": 4, "return_sequences": True, "reverse": True},
    {"type": "lstm", "units": 4, "bias": False},
    {"type": "bidirectional", "layer": {"type": "gru", "units": 4}},
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell["type"])
@pytest.mark.parametrize("symbols", [6, 40, 300])
@pytest.mark.parametrize("mask_zero", [False, True])
def test_the_numbers_are_those_of_copied_rows(cell: dict[str, Any], symbols: int, mask_zero: bool) -> None:
    """Small tables are multiplied first, large ones are not; an activation in between has rows copied."""
    short = rig(net(words(symbols, mask_zero=mask_zero), cell | {"name": "cell"}), (5,))
    long = rig(
        net(
            words(symbols, mask_zero=mask_zero),
            {"type": "activation", "function": "linear"},
            cell | {"name": "cell"},
        ),
        (5,),
    )
    long.store.w[:] = short.store.w
    ids = np.random.default_rng(symbols).integers(0, min(symbols, 30), (8, 5)).astype(float)
    dy = draw(8, short.output, 2)
    for ours, theirs in zip(short.gradients(ids, dy), long.gradients(ids, dy), strict=True):
        close(ours, theirs, 1e-13)


def test_two_readers_of_one_table() -> None:
    cell = {"type": "gru", "units": 4, "from": "words"}
    made = net(
        words(6),
        cell | {"name": "a"},
        cell | {"name": "b", "reverse": True},
        {"type": "add", "from": ["a", "b"]},
    )
    assert made.lazy == (True, False, False, False)
    r = rig(made, (5,))
    ids, dy = np.random.default_rng(1).integers(0, 6, (8, 5)).astype(float), draw(8, (4,), 2)
    _, _, both = r.gradients(ids, dy)
    total = np.zeros_like(r.p.words.W)
    for name, reverse in (("a", False), ("b", True)):
        one = rig(net(words(6), {"type": "gru", "units": 4, "name": name, "reverse": reverse}), (5,))
        one.p.words.W[...] = r.p.words.W
        for key, values in r.p[name].items():
            one.p[name][key][...] = values
        one.gradients(ids, dy)
        total += one.g.words.W
    close(r.store.view(both).words.W, total, 1e-13)


def test_who_may_get_a_lookup() -> None:
    gru = {"type": "gru", "units": 4}
    assert net(words(6), gru).lazy[0]
    assert not net(words(6), {"type": "dropout", "rate": 0.1}, gru).lazy[0]
    both = {"type": "concatenate", "from": ["words", "a"]}
    assert not net(words(6), gru | {"name": "a", "return_sequences": True}, both).lazy[0]
    assert not net(words(6)).lazy[0]  # what the whole list gives is an array
    r = rig(net(words(6), gru), (5,))
    seen = []

    def watch(layer: Any, p: Any, x: Any, ctx: Any) -> Any:
        y = layer.forward(p, x, ctx)
        seen.append(type(y))
        return y

    r.ctx.shared.watch = watch  # who watches every layer sees arrays
    ids = np.zeros((2, 5))
    watched = r.forward(ids).copy()
    assert seen == [np.ndarray, np.ndarray]
    r.ctx.shared.watch = None
    close(r.forward(ids), watched, 1e-14)


def test_a_lookup_has_the_shape_of_what_it_stands_for() -> None:
    x = Lookup(np.zeros((7, 3), np.float32), np.zeros((2, 5), np.int64))
    assert (x.shape, x.dtype, len(x)) == ((2, 5, 3), np.float32, 2)
