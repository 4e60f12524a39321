"""Convolutions and pools against PyTorch in float64: drawn shapes, strides, dilations, groups, paddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.errors import BuildError
from bpcli.spec.registry import family
from tests.generic.rigs import Rig, draw, rig

torch = pytest.importorskip("torch")

from tests.reference.conv_cases import CASES, torch_max_pool, two  # noqa: E402  (needs torch too)

torch.set_num_threads(1)

TOLERANCE = 1e-10


def built(name: str, number: int) -> tuple[Rig, int]:
    """The first drawn layer that can be built, and a batch size; about one in five is a batch of 1."""
    rng = np.random.default_rng([number, *name.encode()])
    while True:
        fields, shape = CASES[name][1](rng)
        layer: Any = family("layers")[name].model_validate({"type": name, **fields})
        try:
            return rig(layer, shape), int(rng.integers(1, 6))
        except BuildError:
            continue


def compare(name: str, number: int) -> float:
    """The largest difference of the output and of all gradients, each relative to PyTorch's largest value."""
    r, n = built(name, number)
    x, dy = draw(n, r.shape, 1), draw(n, r.output, 2)
    y, dx, _ = r.gradients(x, dy)
    t = torch.tensor(x, requires_grad=True)
    p = {q.name: torch.tensor(r.p[q.name].copy(), requires_grad=True) for q in r.store.params}
    expected = CASES[name][2](r, t.movedim(-1, 1), p).movedim(1, -1)
    expected.backward(torch.tensor(dy))
    pairs = [(y, expected.detach()), (dx, t.grad), *((r.g[key], leaf.grad) for key, leaf in p.items())]
    worst = 0.0
    for ours, theirs in pairs:
        assert ours.shape == tuple(theirs.shape)
        scale = float(theirs.abs().max())
        error = float(np.abs(ours - theirs.numpy()).max())
        assert np.isfinite(error)
        worst = max(worst, error / scale if scale else error)
    return worst


@pytest.mark.parametrize(
    ("name", "number"), [(name, i) for name, (count, *_) in CASES.items() for i in range(count)]
)
def test_as_pytorch(name: str, number: int) -> None:
    assert compare(name, number) <= TOLERANCE


def test_the_cases_are_many_and_varied() -> None:
    """What is drawn really has batches of 1 and every kind of stride, dilation, group and padding."""
    assert sum(count for count, *_ in CASES.values()) >= 300
    drawn = [built("conv2d", i) for i in range(CASES["conv2d"][0])]
    layers = [r.layer for r, _ in drawn]
    assert 1 in {n for _, n in drawn}
    assert {two(f.stride)[0] for f in layers} == {two(f.dilation)[0] for f in layers} == {1, 2, 3}
    assert {f.groups for f in layers} == {1, 2, 3}
    assert {"valid", "same", int, tuple} <= {
        f.padding if isinstance(f.padding, str) else type(f.padding) for f in layers
    }


def test_first_of_equal_values_takes_the_gradient() -> None:
    """Ties are common behind relu; overlapping windows, and rows before columns."""
    values = np.random.default_rng(0).integers(0, 3, (4, 7, 6, 3)).astype(float)
    for fields in ({"size": 2}, {"size": 3, "stride": 1}, {"size": [2, 3], "stride": 2, "padding": 1}):
        layer: Any = family("layers")["max_pool2d"].model_validate({"type": "max_pool2d", **fields})
        r = rig(layer, values.shape[1:])
        dy = draw(4, r.output, 2)
        _, dx, _ = r.gradients(values, dy)
        t = torch.tensor(values, requires_grad=True)
        torch_max_pool(r, t.movedim(-1, 1), {}).movedim(1, -1).backward(torch.tensor(dy))
        assert np.abs(dx - t.grad.numpy()).max() <= 1e-12
