"""Norms, slopes, shapes and joins against PyTorch in float64, over configurations drawn at random.

Outputs and all gradients: max|ours - theirs| / max|theirs| <= 1e-10 for each array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.spec.registry import family
from tests.generic.rigs import Rig, draw, rig

torch = pytest.importorskip("torch")
F = torch.nn.functional
torch.set_num_threads(1)

TOLERANCE = 1e-10


def layer(name: str, **fields: Any) -> Any:
    found: Any = family("layers")[name].model_validate(fields)
    return found.expand()


def tensor(a: Any) -> Any:
    return torch.tensor(np.asarray(a), dtype=torch.float64, requires_grad=True)


def agree(ours: Any, theirs: Any, what: str) -> None:
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape, what
    scale = np.abs(theirs).max()
    assert np.abs(ours - theirs).max() <= TOLERANCE * (scale or 1.0), what


def first(t: Any) -> Any:
    """Channels first, as PyTorch has them."""
    return t.movedim(-1, 1)


def last(t: Any) -> Any:
    """Channels last. The gradient that comes back is laid out as PyTorch has it: with another layout some of
    its own backward passes are wrong (instance_norm of a batch of 1, in 2.13)."""
    t.register_hook(torch.Tensor.contiguous)
    return t.movedim(1, -1)


def compare(r: Rig, theirs: Any, *, n: int, size: float = 1.0) -> None:
    """One pass of each; `theirs(x, leaf)` computes in PyTorch, `leaf(path)` being the layer's own array."""
    x, dy = size * draw(n, r.shape, 1) + 0.5, draw(n, r.output, 2)
    y, dx, _ = r.gradients(x, dy)
    leaves = {(*q.path, q.name): tensor(r.p.node(q.path)[q.name]) for q in r.store.params}
    t = tensor(x)
    out = theirs(t, lambda *path: leaves.get(path))
    out.backward(torch.tensor(dy))
    agree(y, out, "y")
    agree(dx, t.grad, "dx")
    for (*path, name), leaf in leaves.items():
        agree(r.g.node(tuple(path))[name], leaf.grad, f"d{name}")


def drawn(seed: int) -> tuple[Any, int, tuple[int, ...], float]:
    """A generator of numbers, a batch size, the sizes of the axes before the last, and the input's scale."""
    rng = np.random.default_rng(seed)
    axes = tuple(int(k) for k in rng.integers(1, 6, rng.integers(0, 3)))
    return rng, int(rng.choice([1, 2, 5, 9])), axes, float(rng.choice([1e-3, 1.0, 30.0]))


def affine(leaf: Any, c: int) -> tuple[Any, Any]:
    """γ and β, explicit where ours has none: PyTorch's backward fails with one of the two."""
    gamma, beta = leaf("gamma"), leaf("beta")
    ones, zeros = torch.ones(c, dtype=torch.float64), torch.zeros(c, dtype=torch.float64)
    return ones if gamma is None else gamma, zeros if beta is None else beta


SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_layer_norm(seed: int) -> None:
    rng, n, axes, size = drawn(seed)
    shape = (*axes, int(rng.integers(2, 8)))
    own = int(rng.integers(1, len(shape) + 1))
    fields = {
        "axes": own,
        "eps": float(rng.choice([1e-5, 1e-3])),
        "scale": seed % 3 > 0,
        "center": seed % 4 > 0,
    }
    r = rig(layer("layer_norm", **fields), shape)
    compare(
        r,
        lambda x, leaf: F.layer_norm(x, shape[-own:], leaf("gamma"), leaf("beta"), fields["eps"]),
        n=n,
        size=size,
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_rms_norm(seed: int) -> None:
    rng, n, axes, size = drawn(100 + seed)
    shape = (*axes, int(rng.integers(2, 8)))
    own = int(rng.integers(1, len(shape) + 1))
    eps = float(rng.choice([1e-6, 1e-3]))
    r = rig(layer("rms_norm", axes=own, eps=eps, scale=seed % 3 > 0), shape)
    compare(r, lambda x, leaf: F.rms_norm(x, shape[-own:], leaf("gamma"), eps), n=n, size=size)


@pytest.mark.parametrize("seed", SEEDS)
def test_group_norm(seed: int) -> None:
    rng, n, axes, size = drawn(200 + seed)
    groups, width = int(rng.integers(1, 5)), int(rng.integers(2, 4))
    eps = float(rng.choice([1e-5, 1e-3]))
    fields = {"groups": groups, "eps": eps, "scale": seed % 3 > 0, "center": seed % 4 > 0}
    r = rig(layer("group_norm", **fields), (*axes, groups * width))
    compare(
        r,
        lambda x, leaf: last(F.group_norm(first(x), groups, *affine(leaf, groups * width), eps)),
        n=n,
        size=size,
    )


@pytest.mark.parametrize("seed", range(5))
def test_group_norm_with_a_group_for_each_channel_is_instance_norm(seed: int) -> None:
    rng = np.random.default_rng(300 + seed)
    h, w, c = (int(k) for k in rng.integers(2, 6, 3))
    compare(
        rig(layer("group_norm", groups=c), (h, w, c)),
        lambda x, leaf: last(F.instance_norm(first(x), weight=leaf("gamma"), bias=leaf("beta"))),
        n=int(rng.integers(1, 5)),
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_batch_norm_over_images(seed: int, training: bool) -> None:
    rng = np.random.default_rng(400 + seed)
    n, h, w, c = (int(k) for k in rng.integers(1, 7, 4))
    n += n * h * w == 1
    fields = {"momentum": 0.7, "eps": 1e-3, "scale": seed % 3 > 0, "center": seed % 4 > 0}
    r = rig(layer("batch_norm", **fields), (h, w, c), training=training)
    mean, var = (torch.tensor(a.copy()) for a in (r.p.running_mean, r.p.running_var))
    compare(
        r,
        lambda x, leaf: last(
            F.batch_norm(first(x), mean, var, leaf("gamma"), leaf("beta"), training, 0.3, 1e-3)
        ),
        n=n,
        size=float(rng.choice([1.0, 30.0])),
    )
    r.ctx.commit(r.p)
    agree(r.p.running_mean, mean, "running mean")
    agree(r.p.running_var, var, "running variance")


@pytest.mark.parametrize("seed", range(8))
def test_prelu(seed: int) -> None:
    rng, n, axes, size = drawn(500 + seed)
    r = rig(
        layer("prelu", init={"type": "uniform", "low": -1.0, "high": 2.0}), (*axes, int(rng.integers(1, 6)))
    )
    compare(
        r,
        lambda x, leaf: last(F.prelu(first(x), leaf("a"))) if axes else F.prelu(x, leaf("a")),
        n=n,
        size=size,
    )


JOINS = {
    "concatenate": lambda a, b, c: torch.cat([a, b, c], -1),
    "add": lambda a, b, c: a + b + c,
    "multiply": lambda a, b, c: a * b * c,
    "average": lambda a, b, c: (a + b + c) / 3,
}


@pytest.mark.parametrize("merge", sorted(JOINS))
@pytest.mark.parametrize("form", ["parallel", "from"])
@pytest.mark.parametrize("seed", range(2))
def test_three_branches(merge: str, form: str, seed: int) -> None:
    rng, n, axes, _ = drawn(600 + seed)
    c, d = int(rng.integers(2, 6)), int(rng.integers(2, 6))
    branches = [
        {"type": "dense", "units": d, "activation": "tanh", "name": "a"},
        {"type": "dense", "units": d, "name": "b"},
        {"type": "dense", "units": d, "activation": "sigmoid", "name": "c"},
    ]
    if form == "parallel":
        net = layer("parallel", layers=branches, merge=merge)
    else:
        wired = [branch | {"from": "input"} for branch in branches]
        net = layer("sequential", layers=[*wired, {"type": merge, "from": ["a", "b", "c"]}])

    def theirs(x: Any, leaf: Any) -> Any:
        a, b, c = (x @ leaf(key, "W") + leaf(key, "b") for key in "abc")
        return JOINS[merge](torch.tanh(a), b, torch.sigmoid(c))

    compare(rig(net, (*axes, c)), theirs, n=n)


@pytest.mark.parametrize("shape", [(8, 8, 3), (5, 7, 2), (1, 4, 3)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("n", [1, 4])
def test_a_residual_of_convolutions_with_projection(shape: tuple[int, ...], stride: int, n: int) -> None:
    net = layer(
        "residual",
        layers=[
            {
                "type": "conv2d",
                "filters": 4,
                "kernel": 3,
                "stride": stride,
                "padding": 1,
                "activation": "tanh",
            },
            {"type": "conv2d", "filters": 4, "kernel": 3, "padding": 1},
        ],
        projection=True,
    )

    def theirs(x: Any, leaf: Any) -> Any:
        t = first(x)

        def kernel(path: str) -> Any:
            return leaf(path, "W").permute(3, 2, 0, 1)

        f = torch.tanh(F.conv2d(t, kernel("conv2d1"), leaf("conv2d1", "b"), stride, 1))
        f = F.conv2d(f, kernel("conv2d2"), leaf("conv2d2", "b"), 1, 1)
        return last(f + F.conv2d(t, leaf("P").T[:, :, None, None], None, stride))

    compare(rig(net, shape), theirs, n=n)


def test_shapes() -> None:
    x, dy = draw(3, (2, 4, 6), 1), draw(3, (6, 2, 4), 2)
    r = rig(layer("permute", order=[3, 1, 2]), (2, 4, 6))
    y, dx, _ = r.gradients(x, dy)
    assert np.array_equal(y, torch.tensor(x).permute(0, 3, 1, 2).numpy())
    assert np.array_equal(dx, torch.tensor(dy).permute(0, 2, 3, 1).numpy())
    r = rig(layer("reshape", shape=[4, -1]), (2, 4, 6))
    y, dx, _ = r.gradients(x, draw(3, (4, 12), 3))
    assert np.array_equal(y, torch.tensor(x).reshape(3, 4, 12).numpy())
    assert np.array_equal(dx, draw(3, (4, 12), 3).reshape(x.shape))
    r = rig(layer("repeat_vector", times=5), (4,))
    compare(r, lambda x, leaf: x[:, None].expand(-1, 5, -1), n=3)
