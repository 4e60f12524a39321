"""The described net in PyTorch's own modules, with the weights it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

Weights = Mapping[str, Any]


def network(layers: Sequence[dict[str, Any]], weights: Weights, shape: tuple[int, ...]) -> nn.Sequential:
    """Images come in as (n, c, h, w); `shape` is a row's as bpcli has it, (h, w, c)."""
    builder = _Builder(weights)
    made, _ = builder.chain(layers, "", shape)
    return nn.Sequential(*made)


def _t(array: Any) -> Any:
    return torch.from_numpy(np.ascontiguousarray(array).copy())


class _Builder:
    def __init__(self, weights: Weights) -> None:
        self._weights = weights

    def chain(self, layers: Sequence[dict[str, Any]], prefix: str, shape: Any) -> tuple[list[Any], Any]:
        """The modules, and the shape that comes out: (h, w, c), (t, c) or (c,)."""
        made: list[Any] = []
        before = shape
        for layer in layers:
            path = f"{prefix}{layer['name']}."
            modules, after = getattr(self, f"_{layer['type']}")(layer, path, shape)
            if layer["type"] == "dense" and len(before) == 3:  # its rows are (h, w, c), torch's (c, h, w)
                h, w, c = before
                with torch.no_grad():
                    rows = modules[0].weight.reshape(-1, h, w, c).permute(0, 3, 1, 2).flatten(1)
                    modules[0].weight.copy_(rows.contiguous())
            before = shape if layer["type"] == "flatten" else after
            shape = after
            made += modules
        return made, shape

    def _w(self, path: str, *names: str) -> list[Any]:
        return [_t(self._weights[path + name]) for name in names]

    def _activated(self, layer: dict[str, Any], module: Any) -> list[Any]:
        name = layer.get("activation")
        return [module] if name is None else [module, _ACTIVATIONS[name]()]

    def _dense(self, layer: dict[str, Any], path: str, shape: Any) -> Any:
        W, b = self._w(path, "W", "b")
        module = nn.Linear(*W.shape)
        _set(module.weight, W.T)
        _set(module.bias, b)
        return self._activated(layer, module), (*shape[:-1], layer["units"])

    def _conv2d(self, layer: dict[str, Any], path: str, shape: Any) -> Any:
        (W,) = self._w(path, "W")
        kh, _, c, filters = W.shape
        stride, bias = layer.get("stride", 1), layer.get("bias", True)
        module = nn.Conv2d(c, filters, kh, stride, layer["padding"], bias=bias)
        _set(module.weight, W.permute(3, 2, 0, 1))
        if bias:
            _set(module.bias, self._w(path, "b")[0])
        h, w = ((size + 2 * layer["padding"] - kh) // stride + 1 for size in shape[:2])
        return self._activated(layer, module), (h, w, filters)

    def _max_pool2d(self, layer: dict[str, Any], path: str, shape: Any) -> Any:
        return [nn.MaxPool2d(2)], (shape[0] // 2, shape[1] // 2, shape[2])

    def _global_avg_pool(self, layer: dict[str, Any], path: str, shape: Any) -> Any:
        return [Mean((2, 3) if len(shape) == 3 else 1)], shape[-1:]

    def _flatten(self, layer: dict[str, Any], path: str, shape: Any) -> Any:
        return [nn.Flatten()], (int(np.prod(shape)),)

    def _activation(self, layer: dict[str, Any], path: str, shape: Any) -> Any:
        return [_ACTIVATIONS[layer["function"]]()], shape

    def _batch_norm(self, layer: dict[str, Any], path: str, shape: Any) -> Any:
        return [nn.BatchNorm2d(shape[-1])], shape

    def _layer_norm(self, layer: dict[str, Any], path: str, shape: Any) -> Any:
        return [nn.LayerNorm(shape[-1])], shape

    def _residual(self, layer: dict[str, Any], path: str, shape: Any) -> Any:
        inner, after = self.chain(layer["layers"], path, shape)
        skip = None
        if layer.get("projection"):
            (P,) = self._w(path, "P")
            skip = nn.Conv2d(shape[-1], after[-1], 1, shape[0] // after[0], bias=False)
            _set(skip.weight, P.T[:, :, None, None])
        return [Residual(nn.Sequential(*inner), skip)], after

    def _embedding(self, layer: dict[str, Any], path: str, shape: Any) -> Any:
        (W,) = self._w(path, "W")
        return [nn.Embedding.from_pretrained(W, freeze=False)], (*shape, W.shape[1])

    def _lstm(self, layer: dict[str, Any], path: str, shape: Any) -> Any:
        return self._recurrent(nn.LSTM, layer, path, shape, (0, 1, 3, 2))  # i f o g here, i f g o there

    def _gru(self, layer: dict[str, Any], path: str, shape: Any) -> Any:
        made, after = self._recurrent(nn.GRU, layer, path, shape, (0, 1, 2))
        _set(made[0].cell.bias_hh_l0[2 * layer["units"] :], self._w(path, "a")[0])
        return made, after

    def _recurrent(self, kind: Any, layer: dict[str, Any], path: str, shape: Any, gates: Any) -> Any:
        units, every = layer["units"], layer.get("return_sequences", False)
        cell = kind(shape[1], units, batch_first=True)

        def ordered(a: Any) -> Any:
            return torch.cat([a[..., k * units : (k + 1) * units] for k in gates], -1)

        W, U, b = map(ordered, self._w(path, "W", "U", "b"))
        for param, value in zip(cell.parameters(), (W.T, U.T, b, 0 * b), strict=True):
            _set(param, value)
        return [Recurrence(cell, every)], (shape[0], units) if every else (units,)

    def _multi_head_attention(self, layer: dict[str, Any], path: str, shape: Any) -> Any:
        module = Attention(shape[1], layer["heads"], causal=layer["causal"])
        Wq, Wk, Wv, Wo = self._w(path, "Wq", "Wk", "Wv", "Wo")
        _set(module.qkv.weight, torch.cat([Wq, Wk, Wv], 1).T)
        _set(module.out.weight, Wo.T)
        _set(module.qkv.bias, 0 * module.qkv.bias)
        _set(module.out.bias, 0 * module.out.bias)
        return [module], shape

    def _feed_forward(self, layer: dict[str, Any], path: str, shape: Any) -> Any:
        modules: list[Any] = []
        for number in "12":
            W, b = self._w(path, f"W{number}", f"b{number}")
            module = nn.Linear(*W.shape)
            _set(module.weight, W.T)
            _set(module.bias, b)
            modules.append(module)
        return [modules[0], _ACTIVATIONS[layer["activation"]](), modules[1]], shape


_ACTIVATIONS: dict[str, Any] = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


def _set(param: Any, value: Any) -> None:
    with torch.no_grad():
        param.copy_(value)


class Mean(nn.Module):
    def __init__(self, axes: Any) -> None:
        super().__init__()
        self._axes = axes

    def forward(self, x: Any) -> Any:
        return x.mean(self._axes)


class Residual(nn.Module):
    def __init__(self, body: Any, skip: Any) -> None:
        super().__init__()
        self.body, self.skip = body, skip

    def forward(self, x: Any) -> Any:
        return self.body(x) + (x if self.skip is None else self.skip(x))


class Recurrence(nn.Module):
    """PyTorch has two biases where one does: the second is kept from moving, but for what bpcli has too."""

    def __init__(self, cell: Any, every: bool) -> None:
        super().__init__()
        self.cell, self._every = cell, every
        second: Any = cell.bias_hh_l0
        own = torch.zeros(second.shape)
        if isinstance(cell, nn.GRU):
            own[2 * cell.hidden_size :] = 1
        second.register_hook(lambda grad: grad * own)

    def forward(self, x: Any) -> Any:
        y = self.cell(x)[0]
        return y if self._every else y[:, -1]


class Attention(nn.Module):
    """Self-attention by PyTorch's fused scaled_dot_product_attention."""

    def __init__(self, width: int, heads: int, *, causal: bool) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self._heads, self._causal = heads, causal

    def forward(self, x: Any) -> Any:
        n, t, c = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        h = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=self._causal)
        return self.out(h.transpose(1, 2).reshape(n, t, c))
