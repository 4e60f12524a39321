"""Layers and activations against PyTorch in float64: an implementation that shares no code with ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.spec.registry import family
from tests.generic.rigs import Rig, draw, rig

torch = pytest.importorskip("torch")
F = torch.nn.functional
torch.set_num_threads(1)


def tensor(a: Any) -> Any:
    return torch.tensor(np.asarray(a), dtype=torch.float64, requires_grad=True)


def agree(ours: Any, theirs: Any) -> None:
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-12 * np.abs(theirs).max()


def layer(name: str, **fields: Any) -> Any:
    found: Any = family("layers")[name].model_validate(fields)
    return found.expand()


def run(r: Rig, n: int = 6) -> tuple[Any, Any, Any, Any]:
    """x, dy, y and dx of one forward and backward pass; the parameters' gradients are in r.g."""
    x, dy = draw(n, r.shape, 1), draw(n, r.output, 2)
    y, dx, _ = r.gradients(x, dy)
    return x, dy, y, dx


ACTIVATIONS: dict[str, tuple[dict[str, Any], Any]] = {
    "relu": ({}, torch.relu),
    "leaky_relu": ({"slope": 0.2}, lambda x: F.leaky_relu(x, 0.2)),
    "sigmoid": ({}, torch.sigmoid),
    "tanh": ({}, torch.tanh),
    "softmax": ({}, lambda x: torch.softmax(x, -1)),
    "linear": ({}, lambda x: x * 1.0),
    "elu": ({"alpha": 0.7}, lambda x: F.elu(x, 0.7)),
    "selu": ({}, F.selu),
    "gelu": ({}, F.gelu),
    "gelu, approximate": ({"approximate": True}, lambda x: F.gelu(x, approximate="tanh")),
    "silu": ({}, F.silu),
    "softplus": ({}, lambda x: F.softplus(x, threshold=700.0)),  # PyTorch's shortcut is off by 2e-9 at 20
    "mish": ({}, F.mish),
    "hard_sigmoid": ({}, lambda x: F.relu6(x + 3) / 6),  # hardsigmoid's own slope is a float32's 1/6
    "hard_tanh": ({}, F.hardtanh),
    "hard_tanh, range": ({"low": -3.0, "high": 0.5}, lambda x: F.hardtanh(x, -3.0, 0.5)),
    "relu6": ({}, F.relu6),
    "softsign": ({}, F.softsign),
    "celu": ({}, F.celu),
    "celu, alpha": ({"alpha": 0.25}, lambda x: F.celu(x, 0.25)),  # exact in PyTorch's float32 scalars
    "exponential": ({}, torch.exp),
    "log_softmax": ({}, lambda x: F.log_softmax(x, -1)),
}


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize("size", [1.0, 30.0])
def test_activation(name: str, size: float) -> None:
    fields, function = ACTIVATIONS[name]
    r = rig(layer("activation", function={"type": name.split(",")[0], **fields}), (4, 5))
    x, dy = size * draw(6, r.shape, 1), draw(6, r.output, 2)
    y, dx, _ = r.gradients(x, dy)
    t = tensor(x)
    out = function(t)
    out.backward(torch.tensor(dy))
    agree(y, out)
    agree(dx, t.grad)


@pytest.mark.parametrize("shape", [(5,), (3, 5)])
def test_dense(shape: tuple[int, ...]) -> None:
    r = rig(layer("dense", units=4, activation="tanh"), shape)
    x, dy, y, dx = run(r)
    t, w, b = tensor(x), tensor(r.p.W), tensor(r.p.b)
    out = torch.tanh(t @ w + b)
    out.backward(torch.tensor(dy))
    for ours, theirs in ((y, out), (dx, t.grad), (r.g.W, w.grad), (r.g.b, b.grad)):
        agree(ours, theirs)


@pytest.mark.parametrize("shape", [(5,), (4, 4, 5)])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(shape: tuple[int, ...], training: bool) -> None:
    r = rig(layer("batch_norm", momentum=0.8, eps=1e-3), shape, training=training)
    theirs = (torch.nn.BatchNorm1d if len(shape) == 1 else torch.nn.BatchNorm2d)(5, eps=1e-3, momentum=0.2)
    theirs.double().train(training)
    with torch.no_grad():
        for mine, its in (
            (r.p.gamma, theirs.weight), (r.p.beta, theirs.bias),
            (r.p.running_mean, theirs.running_mean), (r.p.running_var, theirs.running_var),
        ):  # fmt: skip
            its.copy_(torch.tensor(mine))
    first, last = (lambda a: a, lambda a: a) if len(shape) == 1 else (channels_first, channels_last)
    for seed in range(3):  # three steps, so that the running statistics have a history
        x, dy = 2.0 + 3.0 * draw(6, r.shape, seed), draw(6, r.output, 10 + seed)
        y, dx, _ = r.gradients(x, dy)
        r.ctx.commit(r.p)
        t = tensor(first(x))
        theirs.zero_grad()
        out = theirs(t)
        out.backward(torch.tensor(first(dy)))
        agree(y, last(out))
        agree(dx, last(t.grad))
        agree(r.g.gamma, theirs.weight.grad)
        agree(r.g.beta, theirs.bias.grad)
        agree(r.p.running_mean, theirs.running_mean)
        agree(r.p.running_var, theirs.running_var)


def channels_first(a: Any) -> Any:
    return np.ascontiguousarray(np.moveaxis(a, -1, 1))


def channels_last(a: Any) -> Any:
    return a.movedim(1, -1)


def test_residual_mlp() -> None:
    """dense, a residual block with batch_norm, a residual block that changes the width, dense."""
    net = layer(
        "sequential",
        layers=[
            {"type": "dense", "units": 6, "activation": "gelu"},
            {
                "type": "residual",
                "layers": ["batch_norm", {"type": "dense", "units": 6, "activation": "silu"}],
            },
            {
                "type": "residual",
                "layers": [{"type": "dense", "units": 4, "activation": "elu"}],
                "projection": True,
            },
            {"type": "dense", "units": 3},
        ],
    )
    r = rig(net, (5,), training=True)
    x, dy, y, dx = run(r, n=9)
    leaves = {(*q.path, q.name): tensor(r.p.node(q.path)[q.name]) for q in r.store.params}

    def dense(t: Any, *path: str) -> Any:
        return t @ leaves[(*path, "W")] + leaves[(*path, "b")]

    t = tensor(x)
    h = F.gelu(dense(t, "dense1"))
    gamma, beta = (leaves["residual1", "batch_norm1", name] for name in ("gamma", "beta"))
    normed = F.batch_norm(h, None, None, gamma, beta, training=True, eps=1e-5)
    h = h + F.silu(dense(normed, "residual1", "dense1"))
    h = h @ leaves["residual2", "P"] + F.elu(dense(h, "residual2", "dense1"))
    out = dense(h, "dense2")
    out.backward(torch.tensor(dy))
    agree(y, out)
    agree(dx, t.grad)
    assert len(leaves) == 11
    for (*path, name), leaf in leaves.items():
        agree(r.g.node(tuple(path))[name], leaf.grad)


@pytest.mark.parametrize("shape", [(40, 60), (60, 40)])
def test_orthogonal_has_equal_singular_values(shape: tuple[int, int]) -> None:
    init: Any = family("initializers")["orthogonal"].model_validate({"gain": 1.5})
    values = torch.linalg.svdvals(torch.tensor(init.draw(np.random.default_rng(0), shape, 1, 1)))
    agree(np.full(40, 1.5), values)
