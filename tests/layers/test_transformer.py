"""The transformer's block and preset: the layers that they stand for, positions, padding, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.core.store import Decl, Plan
from bpcli.errors import BuildError, DataError
from bpcli.layers.positional_embedding import PositionalEmbedding
from bpcli.layers.positional_encoding import PositionalEncoding
from bpcli.layers.transformer import Transformer
from bpcli.layers.transformer_block import TransformerBlock
from tests.generic.rigs import draw, rig


def steps(preset: Any) -> list[Any]:
    """The visible layers in short, residuals and blocks as lists of theirs."""
    inner = [layer for _, layer in preset.expand().children()]
    return [steps(layer) if layer.type in ("residual", "sequential") else layer.type for layer in inner]


def size(preset: Any, shape: tuple[int, ...]) -> int:
    plan = Plan()
    preset.expand().build(shape, Decl(plan))
    return sum(int(np.prod(param.shape)) for param in plan.params)


# --- the layers ----------------------------------------------------------------------------------------


def test_the_layers_of_a_block() -> None:
    heads = TransformerBlock(heads=2)
    assert steps(heads) == [["layer_norm", "multi_head_attention"], ["layer_norm", "feed_forward"]]
    after = TransformerBlock(heads=2, norm="after", dropout=0.1)
    assert steps(after) == [
        ["multi_head_attention", "dropout"], "layer_norm", ["feed_forward", "dropout"], "layer_norm",
    ]  # fmt: skip


def test_a_blocks_options_reach_its_layers() -> None:
    block = TransformerBlock.model_validate(
        {"heads": 3, "units": 5, "causal": True, "dropout": 0.25, "activation": "relu"}
    )
    (_, first), (_, second) = block.expand().children()
    (_, attention), (_, drop) = first.children()[1:]
    assert (attention.heads, attention.causal, attention.dropout, drop.rate) == (3, True, 0.25, 0.25)
    (_, forward), (_, drop) = second.children()[1:]
    assert (forward.units, forward.activation.type, forward.dropout, drop.rate) == (5, "relu", 0.25, 0.25)


@pytest.mark.parametrize("norm", ["before", "after"])
def test_the_parameters_of_a_block(norm: Any) -> None:
    """The paper's: 4 c² + 4 c of attention, 8 c² + 5 c of the feed-forward part, 4 c of two norms."""
    c = 16
    assert size(TransformerBlock(heads=4, norm=norm), (7, c)) == 12 * c * c + 13 * c


def test_the_layers_of_the_preset() -> None:
    block = [["layer_norm", "multi_head_attention"], ["layer_norm", "feed_forward"]]
    vectors = Transformer(units=8, heads=2, blocks=2)
    assert steps(vectors) == ["dense", "positional_encoding", block, block, "layer_norm", "global_avg_pool"]
    learnt = Transformer(
        units=8, heads=2, blocks=1, positions="learnt", steps=5, norm="after", return_sequences=True
    )
    after = [["multi_head_attention"], "layer_norm", ["feed_forward"], "layer_norm"]
    assert steps(learnt) == ["dense", "positional_embedding", after]
    most = Transformer(units=8, heads=2, blocks=1, symbols=9, dropout=0.1, reduce="global_max")
    assert steps(most)[:3] == ["embedding", "positional_encoding", "dropout"]
    assert steps(most)[-1] == "global_max_pool"


def test_the_blocks_have_names_and_the_head_is_the_models() -> None:
    net = Transformer(units=8, heads=2, blocks=3).expand()
    assert [key for key, _ in net.children()][2:5] == ["block1", "block2", "block3"]
    assert getattr(net, "head") == "auto"  # noqa: B009
    assert all(getattr(layer, "head", "none") == "none" for _, layer in net.children())


@pytest.mark.parametrize("symbols", [11, "auto"])
def test_symbols_come_in(symbols: Any) -> None:
    net = Transformer(units=8, heads=2, blocks=1, symbols=symbols, mask_zero=True, return_sequences=True)
    plan = Plan(symbols=11)
    assert net.expand().build((5,), Decl(plan)) == (5, 8)
    assert plan.params[0].shape == (11, 8)
    assert plan.masked
    encoding: Any = net.expand().children()[1][1]
    assert encoding.scale


@pytest.mark.parametrize(
    ("fields", "told", "hint"),
    [
        ({"positions": "learnt"}, "need to know how long", "steps: 256"),
        ({"steps": 9}, "sinusoidal do not need to know", "leave out steps"),
        ({"mask_zero": True}, "no", "symbols"),
        ({"units": 10, "heads": 4}, "10 units .* 4 heads", "units: 64"),
        ({"return_sequences": True, "reduce": "global_max"}, "stay apart", "one of the two"),
    ],
)
def test_options_that_contradict_each_other(fields: dict[str, Any], told: str, hint: str) -> None:
    with pytest.raises(ValidationError, match=told) as caught:
        Transformer.model_validate(fields)
    assert hint in caught.value.errors()[0]["ctx"]["hint"]


# --- positions -----------------------------------------------------------------------------------------

REAL = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1]], bool)
LEFT = np.array([[0, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1]], bool)
BETWEEN = np.array([[1, 0, 1, 0, 0, 1], [1, 1, 1, 1, 1, 1]], bool)


@pytest.mark.parametrize("positions", ["sinusoidal", "learnt"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("other", [LEFT, BETWEEN], ids=["left", "between"])
def test_a_sequence_means_the_same_wherever_its_padding_stands(
    positions: Any, causal: bool, other: Any
) -> None:
    """Outputs and gradients at the real steps, and of the parameters; the padding holds anything."""
    net = Transformer(
        units=6, heads=2, blocks=2, causal=causal, return_sequences=True,
        positions=positions, steps=6 if positions == "learnt" else None,
    )  # fmt: skip
    found = []
    for mask, filler in ((REAL, 0.0), (other, 1e6)):
        r = rig(net.expand(), (6, 3))
        x, dy = np.full((2, 6, 3), filler), np.zeros((2, 6, 6))
        x[mask], dy[mask] = draw(9, (3,), 1), draw(9, (6,), 2)
        r.ctx.mask = mask
        y, dx, dw = r.gradients(x, dy)
        assert not dx[~mask].any()
        found.append((y[mask], dx[mask], dw))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-13 * np.abs(b).max())


@pytest.mark.parametrize("reduce", ["global_avg", "global_max"])
def test_padded_symbols_give_what_they_give_without_padding(reduce: Any) -> None:
    net = Transformer(units=8, heads=2, symbols=9, mask_zero=True, reduce=reduce).expand()
    padded = rig(net, (6,)).forward(np.array([[3, 4, 5, 0, 0, 0], [0, 0, 3, 4, 5, 0], [0, 3, 0, 4, 0, 5]]))
    alone = rig(net, (3,)).forward(np.array([[3, 4, 5]]))
    np.testing.assert_allclose(padded, np.repeat(alone, 3, axis=0), rtol=0, atol=1e-14)


def test_the_waves_are_computed_anew_for_other_lengths_and_kinds() -> None:
    r = rig(PositionalEncoding(), (4, 3))
    long = r.forward(np.zeros((2, 9, 3))).copy()
    short = r.forward(np.zeros((2, 4, 3))).copy()
    assert np.array_equal(short, long[:, :4])
    assert r.forward(np.zeros((2, 4, 3), "float32")).dtype == "float32"
    assert np.array_equal(r.forward(np.zeros((2, 9, 3))), long)


def test_learnt_positions_end_where_they_were_learnt() -> None:
    layer = PositionalEmbedding(steps=4)
    with pytest.raises(BuildError, match="5 steps come in, and positions are learnt for 4; set steps: 5"):
        layer.build((5, 3), Decl(Plan()))
    r = rig(layer, (4, 3))
    with pytest.raises(DataError, match=r"sequence of 6 steps .* positions of 4; shorten"):
        r.forward(draw(1, (6, 3), 1))
    r.ctx.mask = np.array([[True] * 4 + [False] * 2])  # four that count
    assert r.forward(draw(1, (6, 3), 1)).shape == (1, 6, 3)
    r.ctx.mask = np.ones((1, 6), bool)
    with pytest.raises(DataError):
        r.forward(draw(1, (6, 3), 1))


def test_positions_that_no_sequence_reaches_have_no_gradient() -> None:
    for mask in (None, np.ones((2, 3), bool)):
        r = rig(PositionalEmbedding(steps=5), (3, 2))
        r.ctx.mask = mask
        r.gradients(draw(2, (3, 2), 1), np.ones((2, 3, 2)))
        assert r.g.P.tolist() == [[2.0, 2.0]] * 3 + [[0.0, 0.0]] * 2


@pytest.mark.parametrize("layer", [PositionalEncoding(), PositionalEmbedding(steps=4)])
@pytest.mark.parametrize("shape", [(4,), (3, 4, 2)])
def test_positions_are_for_sequences(layer: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(BuildError, match="takes a sequence"):
        layer.build(shape, Decl(Plan()))
