"""Attention against PyTorch in float64: outputs and all gradients, over configurations drawn at random.

Odd sizes, one head, one step, a batch of 1, causal or not, keys masked or not, from one, two or three
sequences. max|ours - theirs| / max|theirs| <= 1e-10 for each array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.generic.rigs import draw, rig
from tests.reference.compare import agree, oracle

torch = pytest.importorskip("torch")

from tests.reference.attention_cases import (  # noqa: E402
    agree_projections,
    blocked,
    masked_keys,
    projections,
    run,
    side_by_side,
    sizes,
)
from tests.reference.passes import layer, leaves_of, tensor  # noqa: E402

F = torch.nn.functional


@oracle("layers", "attention")
@pytest.mark.parametrize("seed", range(24))
def test_dot_product_attention(seed: int) -> None:
    rng, n, t, s = sizes(seed)
    d, e = (int(k) for k in rng.integers(1, 7, 2))
    causal, scale, three = seed % 4 == 1, seed % 5 > 0, seed % 2 > 0
    shapes = ((t, d), (s, d), (s, e)) if three else ((t, d), (s, d))
    r = rig(layer("attention", causal=causal, scale=scale), shapes)
    xs = tuple(draw(n, shape, 20 + j) for j, shape in enumerate(shapes))
    mask = masked_keys(rng, n, s)
    dy, y, dxs = run(r, xs, (None, mask, None)[: len(xs)])
    given = [tensor(x) for x in xs]
    shut = blocked(mask, causal, t, s)
    out = F.scaled_dot_product_attention(
        given[0], given[1], given[-1], None if shut is None else ~shut, scale=None if scale else 1.0
    )
    out.backward(torch.tensor(dy))
    agree(y, out, "y")
    for name, dx, x in zip("qkv", dxs, given, strict=False):
        agree(dx, x.grad, f"d{name}")


@oracle("layers", "multi_head_attention")
@pytest.mark.parametrize("form", ["self", "query, value", "query, key, value"])
@pytest.mark.parametrize("seed", range(16))
def test_multi_head_attention(seed: int, form: str) -> None:
    rng, n, t, s = sizes(100 + seed)
    heads = int(rng.choice([1, 2, 3]))
    width, bias, causal = heads * int(rng.integers(1, 5)), seed % 4 > 0, seed % 3 == 1
    e, f = (int(k) for k in rng.integers(1, 8, 2))
    shapes: Any = {
        "self": ((t, width),),
        "query, value": ((t, width), (s, e)),
        "query, key, value": ((t, width), (s, e), (s, f)),
    }[form]
    s = shapes[-1][0]
    r = rig(
        layer("multi_head_attention", heads=heads, bias=bias, causal=causal),
        shapes if len(shapes) > 1 else shapes[0],
    )
    xs = tuple(draw(n, shape, 20 + j) for j, shape in enumerate(shapes))
    mask = masked_keys(rng, n, s)
    dy, y, dxs = run(r, xs, (mask,) if len(xs) == 1 else (None, mask, mask)[: len(xs)])
    theirs = torch.nn.MultiheadAttention(
        width, heads, bias=bias, kdim=shapes[min(1, len(xs) - 1)][1], vdim=shapes[-1][1], batch_first=True
    ).double()
    state = {name: torch.tensor(np.ascontiguousarray(a)) for name, a in projections(r.p, bias).items()}
    theirs.load_state_dict(state)
    given = [tensor(x) for x in xs]
    query, key, value = given[0], given[min(1, len(xs) - 1)], given[-1]
    shut = blocked(mask, causal, t, s)
    if shut is not None:
        shut = shut.expand(n, -1, -1).repeat_interleave(heads, 0)
    out, _ = theirs(query, key, value, attn_mask=shut, need_weights=seed % 2 > 0)
    out.backward(torch.tensor(dy))
    agree(y, out, "y")
    for j, (dx, x) in enumerate(zip(dxs, given, strict=True)):
        agree(dx, x.grad, f"dx{j}")
    agree_projections(r.g, theirs, bias)


@oracle("layers", "attention", "multi_head_attention", by="autograd")
@pytest.mark.parametrize("seed", range(12))
def test_heads_of_any_width_and_rows_without_a_key(seed: int) -> None:
    """Masks that may hide every key of a row, where PyTorch's own functions give no number."""
    rng, n, t, s = sizes(200 + seed)
    heads, d, width = (int(k) for k in rng.integers(1, 5, 3))
    n, t, s = n + 1, t + 1, s + 1  # with no row that sees two keys there would be nothing to compare
    shapes = ((t, width), (s, 3))
    mask = rng.random((n, s)) < 0.4
    mask[0], mask[1] = False, True
    causal = seed % 2 > 0
    visible = ~blocked(mask, causal, t, s)

    def weights(scores: Any) -> Any:
        seen = visible if scores.ndim == 3 else visible[:, None]
        w = (scores - scores.amax(-1, keepdim=True).detach()).exp() * seen
        total = w.sum(-1, keepdim=True)
        return w / torch.where(total == 0, 1.0, total)

    r = rig(layer("multi_head_attention", heads=heads, key_units=d, causal=causal), shapes)
    xs = tuple(draw(n, shape, 20 + j) for j, shape in enumerate(shapes))
    dy, y, dxs = run(r, xs, (None, mask))
    given, leaf = [tensor(x) for x in xs], {name: a for (name,), a in leaves_of(r).items()}
    q, k, v = (
        (given[j] @ leaf[f"W{name}"] + leaf[f"b{name}"]).unflatten(2, (heads, d)).transpose(1, 2)
        for j, name in ((0, "q"), (1, "k"), (1, "v"))
    )
    h = weights(q @ k.mT / d**0.5) @ v
    out = h.transpose(1, 2).flatten(2) @ leaf["Wo"] + leaf["bo"]
    out.backward(torch.tensor(dy))
    of = "multi_head_attention"
    agree(y, out, "y", of=of)
    for name in "Wb":
        theirs = torch.cat([leaf[f"{name}{part}"].grad for part in "qkv"])
        agree(side_by_side(r.g, name), theirs, f"d{name}", of=of)
        agree(r.g[f"{name}o"], leaf[f"{name}o"].grad, f"d{name}o", of=of)
    for j, (dx, x) in enumerate(zip(dxs, given, strict=True)):
        agree(dx, x.grad, f"dx{j}", of=of)

    r = rig(layer("attention", causal=causal), ((t, 3), (s, 3)))
    xs = draw(n, (t, 3), 30), draw(n, (s, 3), 31)
    dy, y, dxs = run(r, xs, (None, mask))
    query, value = (tensor(x) for x in xs)
    out = weights(query @ value.mT / 3**0.5) @ value
    out.backward(torch.tensor(dy))
    for ours, theirs, what in ((y, out, "y"), (dxs[0], query.grad, "dq"), (dxs[1], value.grad, "dv")):
        agree(ours, theirs, what, of="attention")
