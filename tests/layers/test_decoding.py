"""Sequences that are fed piece by piece: each step gives what it gives in the whole sequence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from bpcli.errors import DataError, UsageError
from bpcli.layers.attention import Attention
from bpcli.layers.multi_head_attention import MultiHeadAttention
from bpcli.layers.positional_embedding import PositionalEmbedding
from bpcli.layers.positional_encoding import PositionalEncoding
from bpcli.layers.transformer import Transformer
from tests.generic.rigs import Rig, draw, rig


def in_pieces(r: Rig, x: Any, sizes: Iterable[int], mask: Any = None) -> Any:
    """y of all steps, fed as pieces of these sizes; x is an array or a tuple of them."""
    ys, seen = [], 0
    for size in sizes:
        now = slice(seen, seen + size)
        r.ctx.shared.decoding = seen
        r.ctx.mask = None if mask is None else mask[:, now]
        r.ctx.masks = (None, r.ctx.mask)
        piece = tuple(each[:, now] for each in x) if isinstance(x, tuple) else x[:, now]
        ys.append(r.forward(piece).copy())
        seen += size
    r.ctx.shared.decoding = None
    return np.concatenate(ys, axis=1)


def whole(r: Rig, x: Any, mask: Any = None) -> Any:
    r.ctx.mask, r.ctx.masks = mask, (None, mask)
    return r.forward(x).copy()


def close(ours: Any, theirs: Any) -> None:
    assert np.abs(ours - theirs).max() <= 1e-12 * np.abs(theirs).max()


PIECES = [[1] * 12, [12], [5, 1, 1, 3, 2], [1, 11]]


@pytest.mark.parametrize("sizes", PIECES, ids=str)
@pytest.mark.parametrize("positions", ["sinusoidal", "learnt"])
@pytest.mark.parametrize("norm", ["before", "after"])
def test_a_transformer(sizes: list[int], positions: Any, norm: Any) -> None:
    net = Transformer(
        units=8, heads=2, blocks=3, causal=True, norm=norm, return_sequences=True,
        positions=positions, steps=12 if positions == "learnt" else None,
    )  # fmt: skip
    r, x = rig(net.expand(), (12, 3)), draw(3, (12, 3), 1)
    close(in_pieces(r, x, sizes), whole(r, x))


def test_a_transformer_of_symbols() -> None:
    net = Transformer(units=8, heads=2, blocks=2, causal=True, symbols=7, return_sequences=True)
    r = rig(net.expand(), (9,))
    x = np.random.default_rng(1).integers(0, 7, (3, 9))
    close(in_pieces(r, x, [4, 1, 1, 1, 2]), whole(r, x))


@pytest.mark.parametrize("sizes", PIECES, ids=str)
def test_prompts_that_are_padded_on_the_left(sizes: list[int]) -> None:
    """Of several prompts the shorter ones begin with padding; what follows is the same as without."""
    net = Transformer(units=8, heads=2, blocks=2, causal=True, return_sequences=True)
    r, x = rig(net.expand(), (12, 3)), draw(3, (12, 3), 1)
    mask = np.ones((3, 12), bool)
    mask[0, :4] = mask[1, 0] = False
    x[~mask] = 1e6
    found = in_pieces(r, x, sizes, mask)
    close(found[mask], whole(r, x, mask)[mask])
    alone = rig(net.expand(), (8, 3))
    close(found[:1, 4:], whole(alone, x[:1, 4:]))


@pytest.mark.parametrize("layer", [MultiHeadAttention(heads=2, causal=True), Attention(causal=True)])
@pytest.mark.parametrize("masked", [False, True])
def test_two_sequences_that_go_on_side_by_side(layer: Any, masked: bool) -> None:
    r = rig(layer, ((12, 4), (12, 4)))
    x = draw(2, (12, 4), 1), draw(2, (12, 4), 2)
    mask = np.random.default_rng(3).random((2, 12)) < 0.7 if masked else None
    for sizes in PIECES:
        close(in_pieces(r, x, sizes, mask), whole(r, x, mask))


def test_what_is_looked_at_may_stand_by_itself() -> None:
    """An encoder's output is there as a whole for each step of the decoder."""
    r = rig(MultiHeadAttention(heads=2), ((6, 4), (5, 3)))
    query, memory = draw(2, (6, 4), 1), draw(2, (5, 3), 2)
    expected = whole(r, (query, memory))
    for t in range(6):
        r.ctx.shared.decoding = t
        close(r.forward((query[:, t : t + 1], memory)), expected[:, t : t + 1])


def test_there_is_room_for_more_than_at_first() -> None:
    layer = MultiHeadAttention(heads=1, causal=True)
    r, x = rig(layer, (300, 2)), draw(2, (300, 2), 1)
    close(in_pieces(r, x, [1] * 300), whole(r, x))
    close(in_pieces(r, x, [63, 2, 64, 171]), whole(r, x))


def test_it_begins_anew() -> None:
    """Nothing of one sequence gets into the next, of other rows or as many; nor into a pass in between."""
    layer = Transformer(units=4, heads=2, blocks=1, causal=True, return_sequences=True).expand()
    r = rig(layer, (5, 3))
    for seed, n in ((1, 3), (2, 3), (3, 1), (4, 5)):
        x = draw(n, (5, 3), seed)
        expected = whole(rig(layer, (5, 3)), x)
        close(in_pieces(r, x, [2, 1, 2]), expected)
        close(whole(r, x), expected)


@pytest.mark.parametrize(
    "layer", [MultiHeadAttention(heads=1, causal=True), PositionalEmbedding(steps=9), PositionalEncoding()]
)
def test_pieces_that_do_not_follow(layer: Any) -> None:
    r = rig(layer, (9, 2))
    in_pieces(r, draw(3, (9, 2), 1), [2, 1])
    for seen, rows in ((4, 3), (2, 3), (3, 2)):
        r.ctx.shared.decoding = seen
        with pytest.raises(ValueError, match=r"\(rows, steps\) = \(3, 3\)"):
            r.forward(draw(rows, (1, 2), 1))


def test_only_the_new_steps_are_computed() -> None:
    """The arrays of a piece are of its own length; only keys, values and weights know of the steps before."""
    r, x = rig(MultiHeadAttention(heads=2, causal=True), (50, 4)), draw(1, (50, 4), 1)
    in_pieces(r, x, [1] * 50)
    lengths = {name: array.shape[1] for name, array in r.ctx._buffers.items() if array.ndim > 2}
    assert {lengths[name] for name in ("z_qkv", "h", "y")} == {1}
    assert lengths["keys"] == lengths["values"] == 64


def test_what_sees_the_steps_to_come_cannot_go_on() -> None:
    x = draw(1, (3, 2), 1)
    for layer, shape, given in (
        (MultiHeadAttention(heads=1), (3, 2), x),
        (Attention(), ((3, 2), (3, 2)), (x, x)),
    ):
        r = rig(layer, shape)
        assert not layer.by_pieces
        r.ctx.shared.decoding = 0
        with pytest.raises(UsageError, match=r"sees the steps to come.*causal: true"):
            r.forward(given)


def test_learnt_positions_end_while_going_on() -> None:
    r, x = rig(PositionalEmbedding(steps=4), (4, 2)), draw(1, (5, 2), 1)
    close(in_pieces(r, x[:, :4], [3, 1]), whole(r, x[:, :4]))
    with pytest.raises(DataError, match="a sequence of 5 steps"):
        in_pieces(r, x, [3, 1, 1])


def test_which_layers_take_pieces() -> None:
    assert MultiHeadAttention(heads=1, causal=True).by_pieces
    assert PositionalEncoding().by_pieces
    assert PositionalEmbedding(steps=1).by_pieces
