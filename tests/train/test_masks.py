"""Masks and batches: the mask of one batch's outputs is not the mask of the next batch's inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.layers.sequential import Sequential
from bpcli.train.model import Model
from tests.generic.rigs import rig


def model(*layers: Any, shape: tuple[int, ...]) -> Model:
    r = rig(Sequential.model_validate({"layers": list(layers)}).expand(), shape)
    nothing: Any = None
    return Model(r.layer, nothing, nothing, shape, r.output, r.store, r.p, r.g)


@pytest.mark.parametrize(
    "first", ["batch_norm", {"type": "conv1d", "filters": 2, "kernel": 2, "padding": "causal"}]
)
def test_a_net_that_gives_masked_sequences_gets_each_batch_unmasked(first: Any) -> None:
    cell = {"type": "gru", "units": 3, "return_sequences": True}
    net = model(first, {"type": "masking", "mask_value": 7.0}, cell, shape=(4, 2))
    ctx, rng = net.workspace(), np.random.default_rng(1)
    batches = [rng.normal(size=(n, 4, 2)) for n in (5, 2, 9)]
    for x in batches:
        expected = net.outputs(x, net.workspace())
        assert np.array_equal(net.outputs(x, ctx), expected)


def test_symbols_with_padding_in_batches_of_other_sizes() -> None:
    net = model(
        {"type": "embedding", "symbols": 5, "units": 2, "mask_zero": True},
        {"type": "lstm", "units": 3, "return_sequences": True},
        {"type": "dense", "units": 5},
        shape=(6,),
    )
    ctx, rng = net.workspace(), np.random.default_rng(1)
    for n in (7, 3, 8):
        ids = rng.integers(0, 5, (n, 6)).astype(float)
        assert np.array_equal(net.outputs(ids, ctx), net.outputs(ids, net.workspace()))
