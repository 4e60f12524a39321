"""The described net as a function of its weights, in JAX; layouts are those of bpcli."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Weights = Mapping[str, Any]
_ACTIVATIONS: dict[str, Any] = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
}


def forward(layers: Sequence[dict[str, Any]], weights: Weights, x: Any, prefix: str = "") -> Any:
    for layer in layers:
        x = _LAYERS[layer["type"]](layer, weights, f"{prefix}{layer['name']}.", x)
        if "activation" in layer and layer["type"] != "feed_forward":
            x = _ACTIVATIONS[layer["activation"]](x)
    return x


def _dense(layer: dict[str, Any], p: Weights, at: str, x: Any) -> Any:
    return x @ p[f"{at}W"] + p[f"{at}b"]


def _conv2d(layer: dict[str, Any], p: Weights, at: str, x: Any) -> Any:
    stride, padding = (layer.get("stride", 1),) * 2, ((layer["padding"],) * 2,) * 2
    order = ("NHWC", "HWIO", "NHWC")
    y = lax.conv_general_dilated(x, p[f"{at}W"], stride, padding, dimension_numbers=order)
    return y + p[f"{at}b"] if layer.get("bias", True) else y


def _max_pool2d(layer: dict[str, Any], p: Weights, at: str, x: Any) -> Any:
    n, h, w, c = x.shape  # as a maximum over axes, whose gradient is several times as fast as reduce_window's
    return x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


def _global_avg_pool(layer: dict[str, Any], p: Weights, at: str, x: Any) -> Any:
    return x.mean(tuple(range(1, x.ndim - 1)))


def _flatten(layer: dict[str, Any], p: Weights, at: str, x: Any) -> Any:
    return x.reshape(len(x), -1)


def _activation(layer: dict[str, Any], p: Weights, at: str, x: Any) -> Any:
    return _ACTIVATIONS[layer["function"]](x)


def _batch_norm(layer: dict[str, Any], p: Weights, at: str, x: Any) -> Any:
    """Without the running statistics, which no step of training reads."""
    return _normed(x, (0, 1, 2), p, at)


def _layer_norm(layer: dict[str, Any], p: Weights, at: str, x: Any) -> Any:
    return _normed(x, -1, p, at)


def _normed(x: Any, axes: Any, p: Weights, at: str) -> Any:
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * p[f"{at}gamma"] + p[f"{at}beta"]


def _residual(layer: dict[str, Any], p: Weights, at: str, x: Any) -> Any:
    y = forward(layer["layers"], p, x, at)
    if layer.get("projection"):
        stride = x.shape[1] // y.shape[1]
        x = x[:, ::stride, ::stride] @ p[f"{at}P"]
    return x + y


def _embedding(layer: dict[str, Any], p: Weights, at: str, x: Any) -> Any:
    return p[f"{at}W"][x]


def _lstm(layer: dict[str, Any], p: Weights, at: str, x: Any) -> Any:
    z = (x @ p[f"{at}W"] + p[f"{at}b"]).swapaxes(0, 1)
    zero = jnp.zeros((len(x), layer["units"]), x.dtype)

    def step(state: Any, given: Any) -> Any:
        h, c = state
        i, f, o, g = jnp.split(given + h @ p[f"{at}U"], 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return _states(step, (zero, zero), z, layer)


def _gru(layer: dict[str, Any], p: Weights, at: str, x: Any) -> Any:
    z = (x @ p[f"{at}W"] + p[f"{at}b"]).swapaxes(0, 1)
    units = layer["units"]

    def step(h: Any, given: Any) -> Any:
        product = h @ p[f"{at}U"]
        both = jax.nn.sigmoid(given[:, : 2 * units] + product[:, : 2 * units])
        r, update = both[:, :units], both[:, units:]
        n = jnp.tanh(given[:, 2 * units :] + r * (product[:, 2 * units :] + p[f"{at}a"]))
        h = update * h + (1 - update) * n
        return h, h

    return _states(step, jnp.zeros((len(x), units), x.dtype), z, layer)


def _states(step: Any, first: Any, z: Any, layer: dict[str, Any]) -> Any:
    """h of every step (n, t, units), or the last."""
    _, h = lax.scan(step, first, z)
    return h.swapaxes(0, 1) if layer.get("return_sequences") else h[-1]


def _multi_head_attention(layer: dict[str, Any], p: Weights, at: str, x: Any) -> Any:
    n, t, c = x.shape
    q, k, v = (
        (x @ p[f"{at}W{name}"] + p[f"{at}b{name}"]).reshape(n, t, layer["heads"], -1) for name in "qkv"
    )
    h = jax.nn.dot_product_attention(q, k, v, is_causal=layer["causal"])
    return h.reshape(n, t, c) @ p[f"{at}Wo"] + p[f"{at}bo"]


def _feed_forward(layer: dict[str, Any], p: Weights, at: str, x: Any) -> Any:
    h = _ACTIVATIONS[layer["activation"]](x @ p[f"{at}W1"] + p[f"{at}b1"])
    return h @ p[f"{at}W2"] + p[f"{at}b2"]


_LAYERS: dict[str, Any] = {
    "dense": _dense, "conv2d": _conv2d, "max_pool2d": _max_pool2d, "global_avg_pool": _global_avg_pool,
    "flatten": _flatten, "activation": _activation, "batch_norm": _batch_norm, "layer_norm": _layer_norm,
    "residual": _residual, "embedding": _embedding, "lstm": _lstm, "gru": _gru,
    "multi_head_attention": _multi_head_attention, "feed_forward": _feed_forward,
}  # fmt: skip
