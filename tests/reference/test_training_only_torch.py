"""What only training does, against PyTorch in float64: activity penalties, stochastic depth, frozen norms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.generic.rigs import draw, rig
from tests.reference.compare import agree, oracle

torch = pytest.importorskip("torch")

from tests.reference.passes import layer, leaves_of, one_pass, tensor  # noqa: E402

F = torch.nn.functional
DEPTHS = [
    {"drop": drop, "projection": projection} for drop in (0.2, 0.5, 0.9) for projection in (False, True)
]


@oracle("layers", "activity_penalty", by="autograd")
@pytest.mark.parametrize("fields", [{"l1": 0.3}, {"l2": 0.7}, {"l1": 0.02, "l2": 1.5}], ids=str)
@pytest.mark.parametrize("shape", [(4,), (3, 5), (2, 3, 2)], ids=str)
@pytest.mark.parametrize(("n", "rows"), [(6, 6), (6, 17), (1, 1)])
def test_activity_penalty(fields: dict[str, Any], shape: tuple[int, ...], n: int, rows: int) -> None:
    """Between two dense layers, in a batch of n that is part of a window of `rows`."""
    layers = [
        {"type": "dense", "units": 5, "activation": "tanh"},
        {"type": "activity_penalty", **fields},
        {"type": "dense", "units": 2},
    ]
    r = rig(layer("sequential", layers=layers), shape, training=True)
    r.ctx.shared.rows = rows
    x, dy = draw(n, shape, 1), draw(n, r.output, 2)
    _, dx, _ = r.gradients(x, dy)
    value = r.ctx.shared.take_penalty()
    leaves, t = leaves_of(r), tensor(x)
    hidden = torch.tanh(t @ leaves["dense1", "W"] + leaves["dense1", "b"])
    penalty = (
        fields.get("l1", 0) * hidden.abs().sum() + fields.get("l2", 0) * 0.5 * (hidden**2).sum()
    ) / rows
    out = hidden @ leaves["dense2", "W"] + leaves["dense2", "b"]
    ((out * torch.tensor(dy)).sum() + penalty).backward()
    agree(value, penalty, "value")
    agree(dx, t.grad, "dx")
    for (*path, name), leaf in leaves.items():
        agree(r.g.node(tuple(path))[name], leaf.grad, f"d{'.'.join((*path, name))}")


@oracle("layers", "residual", by="autograd")
@pytest.mark.parametrize("fields", DEPTHS, ids=str)
@pytest.mark.parametrize("shape", [(3,), (4, 3)], ids=str)
def test_stochastic_depth(fields: dict[str, Any], shape: tuple[int, ...]) -> None:
    inner = [{"type": "dense", "units": 3, "activation": "tanh"}, {"type": "dense", "units": 3}]
    r = rig(layer("residual", layers=inner, **fields), shape, training=True)
    r.forward(draw(40, shape, 1))
    m = torch.tensor(r.ctx.saved[2].copy())
    assert set(np.unique(m)) == {0.0, 1 / (1 - fields["drop"])}

    def theirs(t: Any, leaf: Any) -> Any:
        f = torch.tanh(t @ leaf("dense1", "W") + leaf("dense1", "b")) @ leaf("dense2", "W")
        past = t @ leaf("P") if fields["projection"] else t
        return past + m * (f + leaf("dense2", "b"))

    one_pass(r, theirs, n=40)


@oracle("layers", "batch_norm")
@pytest.mark.parametrize("shape", [(4,), (3, 5), (2, 3, 2)], ids=str)
def test_a_frozen_batch_norm_is_one_in_evaluation(shape: tuple[int, ...]) -> None:
    r = rig(layer("batch_norm"), shape, training=True)
    r.p.frozen = True
    mean, var = (torch.tensor(r.p[f"running_{name}"].copy()) for name in ("mean", "var"))

    def theirs(t: Any, leaf: Any) -> Any:
        flat = t.reshape(-1, shape[-1])
        return F.batch_norm(flat, mean, var, leaf("gamma"), leaf("beta"), training=False).reshape(t.shape)

    one_pass(r, theirs, n=7)
    assert r.ctx.shared.pending == []


@oracle("initializers", "lsuv", by="formula")
@pytest.mark.parametrize("bias", [0.0, 0.4])
@pytest.mark.parametrize("sizes", [(5, 7, 3), (8, 2, 2, 9), (3, 20, 20)], ids=str)
def test_lsuv_layer_by_layer(sizes: tuple[int, ...], bias: float) -> None:
    """Mishkin and Matas's algorithm, written down once more: each layer's trials before the next one."""
    from bpcli.train.settle import Settling

    init = {"type": "lsuv", "tolerance": 1e-3, "trials": 6}
    layers = [{"type": "dense", "units": units, "activation": "tanh", "init": init} for units in sizes[1:]]
    r = rig(layer("sequential", layers=layers), sizes[:1])
    r.store.initialize(seed=2)
    x = draw(50, sizes[:1], 4)
    for k in range(1, len(sizes)):
        r.p[f"dense{k}"].b[...] = bias * np.linspace(-1, 1, sizes[k])
    drawn = {k: torch.tensor(r.p[f"dense{k}"].W.copy()) for k in range(1, len(sizes))}
    settling = Settling({param.path: param.init for param in r.store.params if param.name == "W"})
    net = r.ctx.child("net")
    r.ctx.shared.watch = settling
    r.layer.forward(r.p, x, net)
    h = torch.tensor(x)
    for k, w in drawn.items():
        b = torch.tensor(r.p[f"dense{k}"].b.copy())
        for _ in range(6):
            variance = (h @ w + b).var(correction=0)
            if abs(variance - 1) <= 1e-3:
                break
            w = w / variance.sqrt()
        agree(r.p[f"dense{k}"].W, w, f"W{k}")
        h = torch.tanh(h @ w + b)
    assert settling.left == {}
    assert settling.notes == []
