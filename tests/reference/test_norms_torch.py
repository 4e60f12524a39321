"""Norms, slopes, shapes and joins against PyTorch in float64, over configurations drawn at random.

Outputs and all gradients: max|ours - theirs| / max|theirs| <= 1e-10 for each array.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from tests.generic.rigs import rig
from tests.reference.compare import agree, oracle

torch = pytest.importorskip("torch")

from tests.reference.passes import first, last, layer, one_pass  # noqa: E402

F = torch.nn.functional


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


@oracle("layers", "layer_norm")
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
    one_pass(
        r,
        lambda x, leaf: F.layer_norm(x, shape[-own:], leaf("gamma"), leaf("beta"), fields["eps"]),
        n=n,
        size=size,
        shift=0.5,
    )


@oracle("layers", "rms_norm")
@pytest.mark.parametrize("seed", SEEDS)
def test_rms_norm(seed: int) -> None:
    rng, n, axes, size = drawn(100 + seed)
    shape = (*axes, int(rng.integers(2, 8)))
    own = int(rng.integers(1, len(shape) + 1))
    eps = float(rng.choice([1e-6, 1e-3]))
    r = rig(layer("rms_norm", axes=own, eps=eps, scale=seed % 3 > 0), shape)
    one_pass(r, lambda x, leaf: F.rms_norm(x, shape[-own:], leaf("gamma"), eps), n=n, size=size, shift=0.5)


@oracle("layers", "group_norm")
@pytest.mark.parametrize("seed", SEEDS)
def test_group_norm(seed: int) -> None:
    rng, n, axes, size = drawn(200 + seed)
    groups, width = int(rng.integers(1, 5)), int(rng.integers(2, 4))
    eps = float(rng.choice([1e-5, 1e-3]))
    fields = {"groups": groups, "eps": eps, "scale": seed % 3 > 0, "center": seed % 4 > 0}
    r = rig(layer("group_norm", **fields), (*axes, groups * width))
    one_pass(
        r,
        lambda x, leaf: last(F.group_norm(first(x), groups, *affine(leaf, groups * width), eps)),
        n=n,
        size=size,
        shift=0.5,
    )


@oracle("layers", "group_norm")
@pytest.mark.parametrize("seed", range(5))
def test_group_norm_with_a_group_for_each_channel_is_instance_norm(seed: int) -> None:
    rng = np.random.default_rng(300 + seed)
    h, w, c = (int(k) for k in rng.integers(2, 6, 3))
    one_pass(
        rig(layer("group_norm", groups=c), (h, w, c)),
        lambda x, leaf: last(F.instance_norm(first(x), weight=leaf("gamma"), bias=leaf("beta"))),
        n=int(rng.integers(1, 5)),
        shift=0.5,
    )


@oracle("layers", "batch_norm")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_batch_norm_over_images(seed: int, training: bool) -> None:
    rng = np.random.default_rng(400 + seed)
    n, h, w, c = (int(k) for k in rng.integers(1, 7, 4))
    n += n * h * w == 1
    fields = {"momentum": 0.7, "eps": 1e-3, "scale": seed % 3 > 0, "center": seed % 4 > 0}
    r = rig(layer("batch_norm", **fields), (h, w, c), training=training)
    mean, var = (torch.tensor(a.copy()) for a in (r.p.running_mean, r.p.running_var))
    one_pass(
        r,
        lambda x, leaf: last(
            F.batch_norm(first(x), mean, var, leaf("gamma"), leaf("beta"), training, 0.3, 1e-3)
        ),
        n=n,
        size=float(rng.choice([1.0, 30.0])),
        shift=0.5,
    )
    r.ctx.commit(r.p)
    agree(r.p.running_mean, mean, "running mean")
    agree(r.p.running_var, var, "running variance")


@oracle("layers", "prelu")
@pytest.mark.parametrize("seed", range(8))
def test_prelu(seed: int) -> None:
    rng, n, axes, size = drawn(500 + seed)
    r = rig(
        layer("prelu", init={"type": "uniform", "low": -1.0, "high": 2.0}), (*axes, int(rng.integers(1, 6)))
    )
    one_pass(
        r,
        lambda x, leaf: last(F.prelu(first(x), leaf("a"))) if axes else F.prelu(x, leaf("a")),
        n=n,
        size=size,
        shift=0.5,
    )


JOINS = {
    "concatenate": lambda a, b, c: torch.cat([a, b, c], -1),
    "add": lambda a, b, c: a + b + c,
    "multiply": lambda a, b, c: a * b * c,
    "average": lambda a, b, c: (a + b + c) / 3,
}


@pytest.mark.parametrize(
    ("form", "merge"),
    [
        pytest.param(form, merge, marks=oracle("layers", "parallel" if form == "parallel" else merge))
        for form in ("parallel", "from")
        for merge in sorted(JOINS)
    ],
)
@pytest.mark.parametrize("seed", range(4))
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

    one_pass(rig(net, (*axes, c)), theirs, n=n, shift=0.5)


@oracle("layers", "residual")
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

    one_pass(rig(net, shape), theirs, n=n, shift=0.5)


@oracle("layers", "permute")
@pytest.mark.parametrize("order", [*permutations((1, 2)), *permutations((1, 2, 3))], ids=str)
def test_permute(order: tuple[int, ...]) -> None:
    r = rig(layer("permute", order=order), (2, 4, 6)[: len(order)])
    one_pass(r, lambda x, leaf: x.permute(0, *order), n=3, limit=0.0)


@oracle("layers", "reshape")
@pytest.mark.parametrize(
    ("fields", "size"), [([4, -1], (4, 12)), ([48], (48,)), ([2, 2, 2, 6], (2, 2, 2, 6))]
)
def test_reshape(fields: list[int], size: tuple[int, ...]) -> None:
    r = rig(layer("reshape", shape=fields), (2, 4, 6))
    one_pass(r, lambda x, leaf: x.reshape(-1, *size), n=3, limit=0.0)


@oracle("layers", "flatten")
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 1, 4), (2, 3, 2, 3)])
def test_flatten(shape: tuple[int, ...]) -> None:
    one_pass(rig(layer("flatten"), shape), lambda x, leaf: x.flatten(1), n=3, limit=0.0)


@oracle("layers", "repeat_vector")
@pytest.mark.parametrize("times", [1, 5])
def test_repeat_vector(times: int) -> None:
    r = rig(layer("repeat_vector", times=times), (4,))
    one_pass(r, lambda x, leaf: x[:, None].expand(-1, times, -1), n=3, shift=0.5)
