"""Layers and activations against PyTorch in float64: an implementation that shares no code with ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.spec.registry import family
from tests.generic.rigs import draw, rig
from tests.reference.compare import agree, oracle

torch = pytest.importorskip("torch")

from tests.reference.functions import FUNCTIONS, activated  # noqa: E402
from tests.reference.passes import first, last, layer, leaves_of, one_pass, tensor  # noqa: E402

F = torch.nn.functional
EXACT = 1e-12


#: Fields beside the defaults; α of celu such that PyTorch's float32 scalars hold it exactly.
FIELDS: dict[str, tuple[dict[str, Any], ...]] = {
    "leaky_relu": ({}, {"slope": 0.2}),
    "elu": ({}, {"alpha": 0.7}),
    "gelu": ({}, {"approximate": True}),
    "hard_tanh": ({}, {"low": -3.0, "high": 0.5}),
    "celu": ({}, {"alpha": 0.25}),
}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        pytest.param(name, fields, marks=oracle("activations", name), id=f"{name}{number or ''}")
        for name in sorted(FUNCTIONS)
        for number, fields in enumerate(FIELDS.get(name, ({},)))
    ],
)
@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0])
def test_activation(name: str, fields: dict[str, Any], size: float) -> None:
    r = rig(layer("activation", function={"type": name, **fields}), (4, 5))
    one_pass(r, lambda x, leaf: activated(r.layer.function, x), n=6, size=size, limit=EXACT)


@oracle("layers", "activation")
@pytest.mark.parametrize("shape", [(3,), (1,), (2, 3, 2)])
@pytest.mark.parametrize("n", [1, 4])
def test_the_layer_activation(shape: tuple[int, ...], n: int) -> None:
    r = rig(layer("activation", function="tanh"), shape)
    one_pass(r, lambda x, leaf: torch.tanh(x), n=n, limit=EXACT)


@oracle("layers", "dense")
@pytest.mark.parametrize("shape", [(5,), (3, 5)])
def test_dense(shape: tuple[int, ...]) -> None:
    r = rig(layer("dense", units=4, activation="tanh"), shape)
    one_pass(r, lambda x, leaf: torch.tanh(x @ leaf("W") + leaf("b")), n=6, limit=EXACT)


@oracle("layers", "dense")
@pytest.mark.parametrize("seed", range(20))
def test_drawn_dense(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(k) for k in rng.integers(1, 7, rng.integers(1, 4)))
    bias = bool(rng.random() < 0.7)
    r = rig(layer("dense", units=int(rng.integers(1, 9)), bias=bias), shape)

    def theirs(x: Any, leaf: Any) -> Any:
        return F.linear(x, leaf("W").T, leaf("b"))

    one_pass(r, theirs, n=int(rng.choice([1, 2, 7])), size=float(rng.choice([1e-3, 1.0, 30.0])), limit=EXACT)


@oracle("layers", "batch_norm")
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
    images = len(shape) > 1
    for seed in range(3):  # three steps, so that the running statistics have a history
        x, dy = 2.0 + 3.0 * draw(6, r.shape, seed), draw(6, r.output, 10 + seed)
        y, dx, _ = r.gradients(x, dy)
        r.ctx.commit(r.p)
        t = tensor(x)
        theirs.zero_grad()
        out = last(theirs(first(t))) if images else theirs(t)
        out.backward(torch.tensor(dy))
        for what, ours, its in (
            ("y", y, out), ("dx", dx, t.grad),
            ("dgamma", r.g.gamma, theirs.weight.grad), ("dbeta", r.g.beta, theirs.bias.grad),
            ("running_mean", r.p.running_mean, theirs.running_mean),
            ("running_var", r.p.running_var, theirs.running_var),
        ):  # fmt: skip
            agree(ours, its, what, limit=EXACT)


@oracle("layers", "residual")
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

    def theirs(x: Any, leaf: Any) -> Any:
        def dense(t: Any, *path: str) -> Any:
            return t @ leaf(*path, "W") + leaf(*path, "b")

        h = F.gelu(dense(x, "dense1"))
        gamma, beta = (leaf("residual1", "batch_norm1", name) for name in ("gamma", "beta"))
        normed = F.batch_norm(h, None, None, gamma, beta, training=True, eps=1e-5)
        h = h + F.silu(dense(normed, "residual1", "dense1"))
        h = h @ leaf("residual2", "P") + F.elu(dense(h, "residual2", "dense1"))
        return dense(h, "dense2")

    assert len(leaves_of(r)) == 11
    one_pass(r, theirs, n=9, limit=EXACT)


@oracle("initializers", "orthogonal")
@pytest.mark.parametrize("shape", [(40, 60), (60, 40)])
def test_orthogonal_has_equal_singular_values(shape: tuple[int, int]) -> None:
    init: Any = family("initializers")["orthogonal"].model_validate({"gain": 1.5})
    values = torch.linalg.svdvals(torch.tensor(init.draw(np.random.default_rng(0), shape, 1, 1)))
    agree(np.full(40, 1.5), values, "singular values", limit=EXACT)


@pytest.mark.parametrize(
    ("name", "shape", "noise"),
    [
        pytest.param(name, shape, noise, marks=oracle("layers", name))
        for name, shape, noise in (
            ("dropout", (6,), (6,)), ("dropout", (3, 4, 2), (3, 4, 2)),
            ("spatial_dropout", (4, 5), (1, 5)), ("spatial_dropout", (3, 4, 6), (1, 1, 6)),
        )
    ],
)  # fmt: skip
@pytest.mark.parametrize("rate", [0.25, 0.5, 0.8125])
@pytest.mark.parametrize("training", [True, False])
def test_dropout_with_the_same_mask(
    name: str, shape: tuple[int, ...], noise: tuple[int, ...], rate: float, training: bool
) -> None:
    """What is left out is read off from ones; the rest must be PyTorch's, in training and in evaluation."""
    r = rig(layer(name, rate=rate), shape, training=training)
    kept = torch.tensor(r.forward(np.ones((9, *shape))) != 0)
    if training:
        assert 0 < kept.double().mean() < 1
        kept = kept[(slice(None), *(slice(0, size) for size in noise))]
    one_pass(r, lambda x, leaf: x * kept / (1 - rate) if training else F.dropout(x, rate, False), n=9)


@oracle("layers", "sequential")
@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("shape", [(4,), (3, 4)])
def test_a_list_with_skips_and_several_inputs(shape: tuple[int, ...], n: int) -> None:
    """Outputs that are taken more than once, by name, and a branch from the input itself."""
    net = layer(
        "sequential",
        layers=[
            {"type": "dense", "units": 5, "activation": "tanh", "name": "a"},
            {"type": "dense", "units": 5, "activation": "silu", "name": "b"},
            {"type": "dense", "units": 5, "activation": "softplus", "name": "c", "from": "input"},
            {"type": "multiply", "from": ["a", "c"], "name": "gated"},
            {"type": "add", "from": ["gated", "b", "a"], "name": "sum"},
            {"type": "concatenate", "from": ["sum", "input", "a"]},
            {"type": "dense", "units": 2},
        ],
    )

    def theirs(x: Any, leaf: Any) -> Any:
        def dense(t: Any, key: str) -> Any:
            return F.linear(t, leaf(key, "W").T, leaf(key, "b"))

        a = torch.tanh(dense(x, "a"))
        b, c = F.silu(dense(a, "b")), F.softplus(dense(x, "c"), threshold=700.0)
        return dense(torch.cat([a * c + b + a, x, a], -1), "dense4")

    one_pass(rig(net, shape), theirs, n=n, limit=EXACT)
