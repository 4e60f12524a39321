"""Cases of attention drawn at random, and our weights as PyTorch's modules name and lay them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.generic.rigs import Rig, draw
from tests.reference.compare import agree

torch = pytest.importorskip("torch")


def masked_keys(rng: Any, n: int, s: int, among: tuple[str, ...] = ("none", "right", "any")) -> Any:
    """A mask (n, s) that leaves the first key real, so that PyTorch has no empty row; or None."""
    kind = rng.choice(among)
    if kind == "none":
        return None
    mask = np.arange(s) < rng.integers(1, s + 1, n)[:, None] if kind == "right" else rng.random((n, s)) < 0.6
    mask[:, 0] = True
    return mask


def blocked(mask: Any, causal: bool, t: int, s: int) -> Any:
    """(n or 1, t, s) of bool: where PyTorch must not look; or None."""
    found = torch.ones(t, s, dtype=torch.bool).triu(1)[None] if causal else None
    if mask is None:
        return found
    absent = torch.tensor(~mask)[:, None, :].expand(-1, t, -1)
    return absent if found is None else absent | found


def run(r: Rig, xs: tuple[Any, ...], masks: tuple[Any, ...]) -> tuple[Any, Any, tuple[Any, ...]]:
    """dy, y and the gradients of all inputs, of one pass of ours."""
    r.ctx.mask, r.ctx.masks = next((m for m in masks if m is not None), None), masks
    r.store.g[:] = np.nan
    y = r.layer.forward(r.p, xs if len(xs) > 1 else xs[0], r.ctx)
    dy = draw(len(y), y.shape[1:], 9)
    dx = r.layer.backward(r.p, r.g, dy, r.ctx)
    return dy, y, dx if len(xs) > 1 else (dx,)


def sizes(seed: int) -> tuple[Any, int, int, int]:
    """A generator, a batch size and two lengths; every third case has one step."""
    rng = np.random.default_rng(seed)
    t, s = (int(k) for k in rng.integers(1, 9, 2))
    return rng, int(rng.choice([1, 2, 5])), 1 if seed % 3 == 0 else t, s


def projections(p: Any, bias: bool) -> dict[str, Any]:
    """The weights of a multi_head_attention for a MultiheadAttention."""
    given = {"out_proj.weight": p.Wo.T}
    if bias:
        given |= {"in_proj_bias": side_by_side(p, "b"), "out_proj.bias": p.bo}
    if len({p[f"W{name}"].shape for name in "qkv"}) == 1:
        return given | {"in_proj_weight": np.concatenate([p.Wq.T, p.Wk.T, p.Wv.T])}
    return given | {f"{name}_proj_weight": p[f"W{name}"].T for name in "qkv"}


def agree_projections(g: Any, theirs: Any, bias: bool, **of: Any) -> None:
    """The gradients of a MultiheadAttention. Those of q, k and v are one array, as they are in PyTorch: where
    a step sees one key alone, dq and dk are 0 but for rounding, and so is dbk always."""
    agree(g.Wo, theirs.out_proj.weight.grad.T, "dWo", **of)
    if theirs.in_proj_weight is None:
        whole = [getattr(theirs, f"{name}_proj_weight").grad for name in "qkv"]
    else:
        whole = theirs.in_proj_weight.grad.chunk(3)
    agree(side_by_side(g, "W"), torch.cat([part.T for part in whole]), "dW", **of)
    if bias:
        agree(side_by_side(g, "b"), theirs.in_proj_bias.grad, "db", **of)
        agree(g.bo, theirs.out_proj.bias.grad, "dbo", **of)


def side_by_side(g: Any, name: str) -> Any:
    return np.concatenate([g[f"{name}{part}"] for part in "qkv"])
