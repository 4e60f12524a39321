"""Lists of layers that several workloads use, written out in the config's own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.workload import Layers


def dense(name: str, units: int, activation: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "dense", "name": name, "units": units}
    return found if activation is None else found | {"activation": activation}


def mlp(hidden: Sequence[int], classes: int) -> Layers:
    layers = [dense(f"dense{k}", units, "relu") for k, units in enumerate(hidden, 1)]
    return (*layers, dense("head", classes))


def conv(name: str, filters: int, **fields: Any) -> dict[str, Any]:
    return {"type": "conv2d", "name": name, "filters": filters, "kernel": 3, "padding": 1} | fields


def cnn(widths: Sequence[int], units: int, classes: int) -> Layers:
    """Convolutions of 3×3 with a pool of 2×2 after each, a hidden layer, the head."""
    layers: list[dict[str, Any]] = []
    for k, filters in enumerate(widths, 1):
        layers.append(conv(f"conv{k}", filters, activation="relu"))
        layers.append({"type": "max_pool2d", "name": f"pool{k}"})
    return (
        *layers,
        {"type": "flatten", "name": "flatten"},
        dense("dense1", units, "relu"),
        dense("head", classes),
    )


def resnet(widths: Sequence[int], classes: int) -> Layers:
    """One basic block for each width: He, Zhang, Ren and Sun, 2016."""
    layers = _normed("first", widths[0], activated=True)
    for k, filters in enumerate(widths, 1):
        stride = 1 if k == 1 else 2
        inner = _normed("a", filters, stride=stride, activated=True) + _normed("b", filters)
        layers.append({"type": "residual", "name": f"block{k}", "layers": inner, "projection": stride > 1})
        layers.append(_relu(f"out{k}"))
    return (*layers, {"type": "global_avg_pool", "name": "pool"}, dense("head", classes))


def _normed(name: str, filters: int, *, stride: int = 1, activated: bool = False) -> list[dict[str, Any]]:
    norm = {"type": "batch_norm", "name": f"{name}_norm"}
    made = [conv(f"{name}_conv", filters, bias=False, stride=stride), norm]
    return [*made, _relu(f"{name}_relu")] if activated else made


def _relu(name: str) -> dict[str, Any]:
    return {"type": "activation", "name": name, "function": "relu"}


def transformer_block(name: str, heads: int, units: int) -> list[dict[str, Any]]:
    """Norms before, as `transformer_block` has it by default."""
    attention = {"type": "multi_head_attention", "name": "attention", "heads": heads, "causal": True}
    forward = {"type": "feed_forward", "name": "forward", "units": units, "activation": "gelu"}
    norm = {"type": "layer_norm", "name": "norm"}
    return [
        {"type": "residual", "name": f"{name}_look", "layers": [norm, attention]},
        {"type": "residual", "name": f"{name}_think", "layers": [norm, forward]},
    ]
