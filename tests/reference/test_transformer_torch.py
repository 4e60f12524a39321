"""The transformer's block, its positions and the whole preset against PyTorch in float64.

Outputs and all gradients, over configurations drawn at random. max|ours - theirs| / max|theirs| <= 1e-10.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.generic.rigs import draw, rig
from tests.reference.compare import agree, oracle

torch = pytest.importorskip("torch")

from tests.reference.attention_cases import agree_projections, masked_keys, projections, run, sizes  # noqa: E402
from tests.reference.passes import layer, tensor  # noqa: E402

F = torch.nn.functional


def load_block(p: Any, theirs: Any, norm: str) -> None:
    """Our weights of a transformer_block into a TransformerEncoderLayer."""
    attention, norm1, forward, norm2 = parts(p, norm)
    state = {f"self_attn.{name}": a for name, a in projections(attention, True).items()}
    for j, (own, one) in enumerate([(norm1, "norm1"), (norm2, "norm2")], 1):
        state |= {f"{one}.weight": own.gamma, f"{one}.bias": own.beta}
        state |= {f"linear{j}.weight": forward[f"W{j}"].T, f"linear{j}.bias": forward[f"b{j}"]}
    theirs.load_state_dict({name: torch.tensor(np.ascontiguousarray(a)) for name, a in state.items()})


def parts(tree: Any, norm: str) -> tuple[Any, Any, Any, Any]:
    """The attention, its norm, the feed-forward part and its norm, of the block's parameters or gradients."""
    first, second = tree.residual1, tree.residual2
    norms = (first, second) if norm == "before" else (tree, tree)
    keys = ("layer_norm1", "layer_norm1") if norm == "before" else ("layer_norm1", "layer_norm2")
    return first.multi_head_attention1, norms[0][keys[0]], second.feed_forward1, norms[1][keys[1]]


def agree_block(g: Any, theirs: Any, norm: str, of: str) -> None:
    attention, norm1, forward, norm2 = parts(g, norm)
    agree_projections(attention, theirs.self_attn, True, of=of)
    for j, own in enumerate((norm1, norm2), 1):
        other, linear = getattr(theirs, f"norm{j}"), getattr(theirs, f"linear{j}")
        agree(own.gamma, other.weight.grad, f"dgamma{j}", of=of)
        agree(own.beta, other.bias.grad, f"dbeta{j}", of=of)
        agree(forward[f"W{j}"], linear.weight.grad.T, f"dW{j}", of=of)
        agree(forward[f"b{j}"], linear.bias.grad, f"db{j}", of=of)


@oracle("layers", "transformer_block", "feed_forward")
@pytest.mark.parametrize("norm", ["before", "after"])
@pytest.mark.parametrize("seed", range(14))
def test_transformer_block(seed: int, norm: str) -> None:
    rng, n, t, _ = sizes(300 + seed)
    heads = int(rng.choice([1, 2, 3]))
    # a norm of two features gives ±1 whatever they are, and a gradient of nearly 0
    width, units = max(3, int(rng.integers(1, 5))) * heads, int(rng.integers(1, 9))
    causal, activation = seed % 2 > 0, ("gelu", "relu")[seed % 3 == 0]
    net = layer(
        "transformer_block", heads=heads, units=units, causal=causal, norm=norm, activation=activation
    )
    r = rig(net, (t, width))
    x, mask = draw(n, (t, width), 20), masked_keys(rng, n, t)
    dy, y, (dx,) = run(r, (x,), (mask,))
    theirs = torch.nn.TransformerEncoderLayer(
        width, heads, units, 0.0, activation, batch_first=True, norm_first=norm == "before"
    ).double()
    load_block(r.p, theirs, norm)
    given = tensor(x)
    out = theirs(
        given,
        src_mask=torch.ones(t, t, dtype=torch.bool).triu(1) if causal else None,
        src_key_padding_mask=None if mask is None else torch.tensor(~mask),
    )
    out.backward(torch.tensor(dy))
    agree(y, out, "y", of="transformer_block")
    agree(dx, given.grad, "dx", of="transformer_block")
    agree_block(r.g, theirs, norm, "transformer_block")
    ours, other = r.g.residual2.feed_forward1, theirs.linear1.weight.grad.T
    agree(ours.W1, other, "dW1", of="feed_forward")


def waves(steps: int, width: int) -> Any:
    """The positions as the paper has them, number by number."""
    P = np.zeros((steps, width))
    for t in range(steps):
        for j in range(width):
            angle = t / 10000.0 ** (2 * (j // 2) / width)
            P[t, j] = np.cos(angle) if j % 2 else np.sin(angle)
    return P


@oracle("layers", "positional_encoding", by="formula")
@pytest.mark.parametrize(("t", "c"), [(1, 1), (1, 4), (7, 5), (40, 6), (300, 3)])
@pytest.mark.parametrize("scale", [False, True])
def test_positional_encoding(t: int, c: int, scale: bool) -> None:
    r = rig(layer("positional_encoding", scale=scale), (t, c))
    x = draw(3, (t, c), 20)
    factor = c**0.5 if scale else 1.0
    dy, y, (dx,) = run(r, (x,), (None,))
    agree(y, factor * x + waves(t, c), "y")
    agree(dx, factor * dy, "dx")


@oracle("layers", "positional_embedding")
@pytest.mark.parametrize("seed", range(8))
def test_positional_embedding(seed: int) -> None:
    rng, n, t, _ = sizes(400 + seed)
    c, steps = int(rng.integers(1, 6)), t + int(rng.integers(0, 3))
    r = rig(layer("positional_embedding", steps=steps), (t, c))
    x = draw(n, (t, c), 20)
    mask = masked_keys(rng, n, t)
    dy, y, (dx,) = run(r, (x,), (mask,))
    P, given = tensor(r.p.P), tensor(x)
    at = np.arange(t)[None] if mask is None else np.maximum(mask.cumsum(1) - 1, 0)
    out = given + F.embedding(torch.tensor(at), P)
    out.backward(torch.tensor(dy))
    agree(y, out, "y")
    agree(dx, given.grad, "dx")
    agree(r.g.P, P.grad, "dP")


@oracle("layers", "transformer")
@pytest.mark.parametrize("norm", ["before", "after"])
@pytest.mark.parametrize("seed", range(4))
def test_transformer(seed: int, norm: str) -> None:
    rng, n, t, _ = sizes(500 + seed)
    heads, blocks, c = 2, int(rng.integers(1, 4)), int(rng.integers(1, 4))
    width, causal = 2 * int(rng.integers(2, 5)), seed % 2 > 0
    net = layer(
        "transformer",
        units=width,
        heads=heads,
        blocks=blocks,
        causal=causal,
        norm=norm,
        return_sequences=True,
    )
    r = rig(net, (t, c))
    x, mask = draw(n, (t, c), 20), masked_keys(rng, n, t, ("none", "right"))
    dy, y, (dx,) = run(r, (x,), (mask,))
    one = torch.nn.TransformerEncoderLayer(
        width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=norm == "before"
    )
    last = torch.nn.LayerNorm(width) if norm == "before" else None
    theirs = torch.nn.TransformerEncoder(one, blocks, last, enable_nested_tensor=False).double()
    for j in range(blocks):
        load_block(r.p[f"block{j + 1}"], theirs.layers[j], norm)
    if last is not None:
        own = r.p.layer_norm1
        theirs.norm.load_state_dict({"weight": torch.tensor(own.gamma), "bias": torch.tensor(own.beta)})
    given, W, b = tensor(x), tensor(r.p.dense1.W), tensor(r.p.dense1.b)
    out = theirs(
        given @ W + b + torch.tensor(waves(t, width)),
        mask=torch.ones(t, t, dtype=torch.bool).triu(1) if causal else None,
        src_key_padding_mask=None if mask is None else torch.tensor(~mask),
    )
    # Positions do not count masked steps; those at the right end come after all others, and so do what
    # they give, which nothing else reads.
    real = np.ones((n, t), bool) if mask is None else mask
    r.store.g[:] = np.nan
    dy *= real[:, :, None]
    dx = r.layer.backward(r.p, r.g, dy, r.ctx)
    out.backward(torch.tensor(dy))
    agree(y[real], out.detach().numpy()[real], "y")
    agree(dx, given.grad, "dx")
    agree(r.g.dense1.W, W.grad, "dW")
    agree(r.g.dense1.b, b.grad, "db")
    for j in range(blocks):
        agree_block(r.g[f"block{j + 1}"], theirs.layers[j], norm, "transformer")
