"""The floating point operations of a step's matrix products: what no implementation gets around."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any


def gemm_flops(built: Sequence[Any], batch: int, *, backward: bool) -> int:
    """Of all layers with matrix products: forward, and where asked also dW and dx.

    Twice a multiplication and addition for each weight and place it is used at. The first layer needs no dx.
    An embedding is a table to look up and counts nothing, though what follows it could be folded into it.
    """
    total, first = 0, True
    for one in built:
        forward = batch * _forward(one)
        if not forward:
            first = first and one.layer.type != "embedding"
            continue
        total += forward * ((2 if first else 3) if backward else 1)
        first = False
    return total


def _forward(one: Any) -> int:
    layer, given, made = one.layer, one.input, one.output
    if layer.type == "dense":
        return 2 * given[-1] * prod(made)
    if layer.type == "conv2d":
        kernel = layer.kernel if isinstance(layer.kernel, tuple) else (layer.kernel,) * 2
        return 2 * prod(kernel) * given[-1] * prod(made)
    if layer.type in ("lstm", "gru"):
        steps, features = given
        return 2 * steps * (features + layer.units) * layer.units * layer.gates
    if layer.type == "multi_head_attention":
        steps, width = given
        return 2 * steps * width * (4 * width + 2 * steps)
    if layer.type == "feed_forward":
        return 4 * prod(given) * (layer.units or 4 * given[-1])
    return 0
