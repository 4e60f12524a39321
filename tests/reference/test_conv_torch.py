"""Convolutions and pools against PyTorch in float64: drawn shapes, strides, dilations, groups, paddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.errors import BuildError
from bpcli.spec.registry import family
from tests.generic.rigs import Rig, rig
from tests.reference.compare import oracle

torch = pytest.importorskip("torch")

from tests.reference.conv_cases import CASES, torch_max_pool, two  # noqa: E402  (needs torch too)
from tests.reference.passes import first, last, one_pass  # noqa: E402


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


@pytest.mark.parametrize(
    ("name", "number"),
    [
        pytest.param(name, i, marks=oracle("layers", name))
        for name, (count, *_) in CASES.items()
        for i in range(count)
    ],
)
def test_as_pytorch(name: str, number: int) -> None:
    r, n = built(name, number)
    arrays = [q.name for q in r.store.params]
    one_pass(r, lambda x, leaf: last(CASES[name][2](r, first(x), {key: leaf(key) for key in arrays})), n=n)


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


@oracle("layers", "max_pool2d")
@pytest.mark.parametrize(
    "fields", [{"size": 2}, {"size": 3, "stride": 1}, {"size": [2, 3], "stride": 2, "padding": 1}]
)
def test_first_of_equal_values_takes_the_gradient(fields: dict[str, Any]) -> None:
    """Ties are common behind relu; overlapping windows, and rows before columns."""
    values = np.random.default_rng(0).integers(0, 3, (4, 7, 6, 3)).astype(float)
    layer: Any = family("layers")["max_pool2d"].model_validate({"type": "max_pool2d", **fields})
    r = rig(layer, values.shape[1:])
    one_pass(r, lambda x, leaf: last(torch_max_pool(r, first(x), {})), n=4, x=values, limit=1e-12)
