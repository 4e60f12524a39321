"""A whole net of ours in PyTorch: the tree of layers, read again by an interpreter of its own.

It shares the description with bpcli and nothing else: no forward, no backward, no wiring, no optimizer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add, mul
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bpcli.layers.base import Layer
from tests.reference.functions import activated

torch = pytest.importorskip("torch")

from tests.reference.conv_cases import CASES  # noqa: E402
from tests.reference.passes import first, last, tensor  # noqa: E402

F = torch.nn.functional
Path = tuple[str, ...]

MERGES: dict[str, Callable[[Any], Any]] = {
    "add": lambda parts: reduce(add, parts),
    "multiply": lambda parts: reduce(mul, parts),
    "average": lambda parts: reduce(add, parts) / len(parts),
    "concatenate": lambda parts: torch.cat(list(parts), -1),
}


class Twin:
    """`twin(x)` is the net's output; `leaves` are its parameters and `states` its running statistics."""

    def __init__(self, net: Layer, store: Any, p: Any) -> None:
        self.net, self.training = net, True
        self.leaves: dict[Path, Any] = {
            (*q.path, q.name): tensor(p.node(q.path)[q.name]) for q in store.params
        }
        self._own: dict[Path, dict[str, Any]] = {}
        for (*path, name), leaf in self.leaves.items():
            self._own.setdefault(tuple(path), {})[name] = leaf
        self.decaying = [self.leaves[*q.path, q.name] for q in store.params if q.decay]
        self.others = [self.leaves[*q.path, q.name] for q in store.params if not q.decay]
        self.states: dict[Path, Any] = {
            (*q.path, q.name): torch.tensor(np.array(p.node(q.path)[q.name])) for q in store.states
        }

    def __call__(self, x: Any) -> Any:
        return self._run(self.net, x, ())

    def _run(self, layer: Any, x: Any, path: Path) -> Any:
        p = self._own.get(path, {})
        name = layer.type
        if name in CASES:
            return last(CASES[name][2](SimpleNamespace(layer=layer), first(x), p))  # pyright: ignore[reportArgumentType]
        if name in MERGES:
            return MERGES[name](x)
        return getattr(self, f"_{name}")(layer, x, p, path)

    # --- layers ------------------------------------------------------------------------------------------

    def _dense(self, f: Any, x: Any, p: Any, path: Path) -> Any:
        return activated(f.activation, F.linear(x, p["W"].T, p.get("b")))

    def _activation(self, f: Any, x: Any, p: Any, path: Path) -> Any:
        return activated(f.function, x)

    def _flatten(self, f: Any, x: Any, p: Any, path: Path) -> Any:
        return x.flatten(1)

    def _layer_norm(self, f: Any, x: Any, p: Any, path: Path) -> Any:
        return F.layer_norm(x, x.shape[x.ndim - f.axes :], p["gamma"], p["beta"], f.eps)

    def _rms_norm(self, f: Any, x: Any, p: Any, path: Path) -> Any:
        return F.rms_norm(x, x.shape[x.ndim - f.axes :], p["gamma"], f.eps)

    def _group_norm(self, f: Any, x: Any, p: Any, path: Path) -> Any:
        return last(F.group_norm(first(x), f.groups, p["gamma"], p["beta"], f.eps))

    def _batch_norm(self, f: Any, x: Any, p: Any, path: Path) -> Any:
        mean, var = self.states[*path, "running_mean"], self.states[*path, "running_var"]
        channels = first(x) if x.ndim > 2 else x
        y = F.batch_norm(channels, mean, var, p["gamma"], p["beta"], self.training, 1 - f.momentum, f.eps)
        return last(y) if x.ndim > 2 else y

    # --- containers --------------------------------------------------------------------------------------

    def _sequential(self, f: Any, x: Any, p: Any, path: Path) -> Any:
        named = {"input": x}
        for key, child in f.children():
            wanted = child.from_
            if isinstance(wanted, str):
                x = named[wanted]
            elif wanted is not None:
                x = tuple(named[name] for name in wanted)
            x = named[key] = self._run(child, x, (*path, key))
        return x

    def _residual(self, f: Any, x: Any, p: Any, path: Path) -> Any:
        y = x
        for key, child in f.children():
            y = self._run(child, y, (*path, key))
        if f.projection:
            steps = [-(-a // b) for a, b in zip(x.shape[1:-1], y.shape[1:-1], strict=True)]
            x = x[(slice(None), *(slice(None, None, step) for step in steps))] @ p["P"]
        return x + y

    def _parallel(self, f: Any, x: Any, p: Any, path: Path) -> Any:
        return MERGES[f.merge]([self._run(child, x, (*path, key)) for key, child in f.children()])
