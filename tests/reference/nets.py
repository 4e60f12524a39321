"""Whole nets drawn at random: towers of dense layers, images, sequences, skips and branches.

A batch_norm comes right before an activation and right after a layer without a bias. Elsewhere it would take
the gradient of that bias, or of an earlier norm's offset, away: what is left is rounding, and adam and its
like divide by just that. Norms have three values or more, as the slope of two is a difference of equals.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Random = np.random.Generator
Fields = dict[str, Any]

#: Nets in which our own run, started with other last bits, ends far off: there is nothing to compare.
SENSITIVE = (22, 152, 192)
DRAWN = 203
NUMBERS = tuple(number for number in range(DRAWN) if number not in SENSITIVE)
#: How many of them the everyday suite takes.
EVERYDAY = 50
KINDS = ("mlp", "cnn", "residual", "parallel", "mixture")
NORMS = ["batch_norm", "layer_norm", "rms_norm"]
ACTIVATIONS = ("tanh", "sigmoid", "silu", "gelu", "elu", "softplus", "relu", "leaky_relu")


def net(kind: str, rng: Random) -> tuple[Fields, tuple[int, ...]]:
    """A model section with an automatic head, and the shape of its input."""
    images = kind == "cnn" or (kind != "mlp" and rng.random() < 0.5)
    if not images:
        steps = (int(rng.integers(2, 5)),) if rng.random() < 0.3 else ()
        shape = (*steps, int(rng.integers(2, 7)))
        layers = [block for _ in range(rng.integers(1, 3)) for block in flat(kind, rng)]
        return {"type": "sequential", "head": "auto", "layers": layers}, shape
    shape = (int(rng.integers(4, 8)), int(rng.integers(4, 8)), int(rng.integers(1, 4)))
    layers = [block for _ in range(rng.integers(1, 3)) for block in image(kind, rng)]
    layers.append(str(rng.choice(["flatten", "global_avg_pool", "global_max_pool"])))
    if rng.random() < 0.6:
        layers += flat("mlp" if kind == "cnn" else kind, rng)
    return {"type": "sequential", "head": "auto", "layers": layers}, shape


def width(rng: Random) -> int:
    return int(rng.integers(3, 7))


def function(rng: Random) -> str:
    return str(rng.choice(ACTIVATIONS))


def dense(rng: Random, units: int | None = None) -> Fields:
    return {"type": "dense", "units": units or width(rng), "activation": function(rng)}


def normed(linear: Fields, norms: list[Any], rng: Random) -> list[Any]:
    norm = norms[int(rng.integers(len(norms)))]
    return [linear | {"bias": False}, norm, {"type": "activation", "function": function(rng)}]


def merge(rng: Random, *more: str) -> str:
    return str(rng.choice(["concatenate", "add", "average", *more]))


def flat(kind: str, rng: Random) -> list[Any]:
    """One block of layers over the last axis."""
    form = {"mlp": "plain", "cnn": "plain", "residual": "residual", "parallel": "parallel"}.get(kind)
    form = form or str(rng.choice(["plain", "residual", "parallel", "skip"]))
    if form == "residual":
        inner = [
            dense(rng),
            *(normed({"type": "dense", "units": 4}, NORMS, rng) if rng.random() < 0.5 else []),
        ]
        return [{"type": "residual", "projection": True, "layers": [*inner, dense(rng)]}]
    units = width(rng)
    if form == "parallel":
        branches = [dense(rng, units), {"type": "sequential", "layers": [dense(rng), dense(rng, units)]}]
        return [{"type": "parallel", "merge": merge(rng, "multiply"), "layers": branches}]
    if form == "skip":
        a, b = f"a{rng.integers(1 << 30)}", f"b{rng.integers(1 << 30)}"  # names are the net's own
        return [
            dense(rng, units) | {"name": a},
            dense(rng, units) | {"name": b},
            {"type": merge(rng, "multiply"), "from": [a, b]},
        ]
    linear = {"type": "dense", "units": units}
    return normed(linear, NORMS, rng) if rng.random() < 0.5 else [dense(rng, units)]


def conv(rng: Random, filters: int, **fields: Any) -> Fields:
    kernel = [int(k) for k in rng.integers(1, 4, 2)]
    return {"type": "conv2d", "filters": filters, "kernel": kernel, "padding": "same"} | fields


def image(kind: str, rng: Random) -> list[Any]:
    """One block of layers over images, none of which needs more than one pixel."""
    filters = width(rng)
    plain = conv(rng, filters, activation=function(rng))
    form = {"cnn": "plain", "residual": "residual", "parallel": "parallel"}.get(kind)
    form = form or str(rng.choice(["plain", "residual", "parallel"]))
    if form == "residual":
        stride = int(rng.integers(1, 3))
        inner = [
            conv(rng, filters, stride=stride, kernel=3, padding=1, activation=function(rng)),
            conv(rng, filters, kernel=3, padding=1),
        ]
        block = {"type": "residual", "projection": True, "layers": inner}
        return [block, {"type": "activation", "function": function(rng)}]
    if form == "parallel":
        depthwise = {"type": "depthwise_conv2d", "kernel": 3, "padding": "same"}
        branches = [plain, {"type": "sequential", "layers": [depthwise, conv(rng, filters, kernel=1)]}]
        return [{"type": "parallel", "merge": merge(rng), "layers": branches}]
    if rng.random() < 0.5:
        return [plain, *pool(rng)]
    group_norm = {"type": "group_norm", "groups": 2 if filters == 6 else 1}
    return normed(conv(rng, filters), ["batch_norm", group_norm], rng) + pool(rng)


def pool(rng: Random) -> list[Any]:
    name = rng.choice(["", "max_pool2d", "avg_pool2d"])
    return [{"type": str(name), "size": 2, "padding": "same"}] if name else []
