"""A layer built by itself, with weights and a workspace, and the arrays that are fed to it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from bpcli.core.ctx import Ctx, Pass
from bpcli.core.store import Decl, Plan, Store, Tree
from bpcli.data.inputs import each
from bpcli.spec.registry import family
from tests.generic.namespace import BACKENDS


@dataclass
class Rig:
    """A layer with parameters, gradients and a workspace of its own."""

    layer: Any
    shape: tuple[int, ...]
    output: tuple[int, ...]
    store: Store
    p: Tree
    g: Tree
    ctx: Ctx

    def forward(self, x: Any) -> Any:
        return self.layer.forward(self.p, x, self.ctx)

    def backward(self, dy: Any) -> Any:
        dx = self.layer.backward(self.p, self.g, dy, self.ctx)
        self.store.gather()
        return dx

    def gradients(self, x: Any, dy: Any) -> tuple[Any, Any, Any]:
        """Copies of y, dx (None if not asked for) and the flat parameter gradient, first filled with NaN."""
        mask = self.ctx.mask  # that of x; a layer that makes or changes one leaves that of y
        y = self.forward(x).copy()
        self.ctx.mask = mask
        self.store.g[:] = np.nan
        dx = self.backward(dy)
        return y, None if dx is None else dx.copy(), self.store.g.copy()


class Cut:
    """A layer of several inputs that is fed one array (n, total) instead, which it cuts into the inputs.

    So whatever holds of one input can be asked of it too.
    """

    def __init__(self, layer: Any, shapes: tuple[tuple[int, ...], ...]) -> None:
        self._layer, self._shapes = layer, shapes
        self._stops = list(accumulate(prod(shape) for shape in shapes))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def build(self, shape: Any, decl: Any) -> Any:
        assert shape == (self._stops[-1],)
        return self._layer.build(self._shapes, decl)

    def forward(self, p: Any, x: Any, ctx: Any) -> Any:
        parts = np.split(x, self._stops[:-1], axis=1)
        inputs = (part.reshape(len(x), *shape) for part, shape in zip(parts, self._shapes, strict=True))
        return self._layer.forward(p, tuple(inputs), ctx)

    def backward(self, p: Any, g: Any, dy: Any, ctx: Any) -> Any:
        dx = self._layer.backward(p, g, dy, ctx)
        if dx is None:
            return None
        parts = zip(dx, self._shapes, strict=True)  # None is a gradient of zero
        whole = [np.zeros((len(dy), *shape), dy.dtype) if part is None else part for part, shape in parts]
        return np.concatenate([part.reshape(len(dy), -1) for part in whole], axis=1)


class Symbols:
    """A layer that takes the numbers of symbols and is fed any others, of which it makes such."""

    def __init__(self, layer: Any, count: int) -> None:
        self._layer, self._count = layer, count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def forward(self, p: Any, x: Any, ctx: Any) -> Any:
        return self._layer.forward(p, each(self._numbers, x), ctx)

    def _numbers(self, x: Any) -> Any:
        return (np.floor(np.abs(x.real) * 1e4) % self._count).astype(x.dtype)


def cases(family_name: str) -> list[tuple[str, Any, tuple[int, ...]]]:
    """(label, component, shape) for every example of every component of a family; presets expanded, and
    layers of several inputs made to take one."""
    found = []
    for name, cls in family(family_name).classes().items():
        for number, example in enumerate(cls.examples):
            described: Any = cls.model_validate({"type": name, **example.fields})
            component = described.expand() if hasattr(described, "expand") else described
            if example.after is not None:
                net = {"layers": [example.after, component]}
                component = family("layers")["sequential"].model_validate(net)
            if symbols := symbols_of(described):
                component = Symbols(component, symbols)
            shape = example.shape
            if any(isinstance(part, tuple) for part in shape):
                component, shape = Cut(component, shape), (sum(map(prod, shape)),)
            found.append((f"{name}{number}", component, shape))
    return found


def symbols_of(described: Any) -> int | None:
    """How many symbols an embedding, or a preset that begins with one, takes the numbers of."""
    inner = getattr(described, "embedding", None)
    return getattr(described, "symbols", None) or getattr(inner, "symbols", None)


def rig(
    layer: Any,
    shape: tuple[int, ...],
    *,
    dtype: Any = "float64",
    training: bool = False,
    backend: str = "numpy",
) -> Rig:
    """The layer built for `shape`, with weights and state away from their special first values."""
    plan = Plan()
    output = layer.build(shape, Decl(plan))
    there = BACKENDS[backend]()
    store = Store(plan, dtype, there)
    store.initialize(seed=3)
    rng = np.random.default_rng(5)
    store.w += rng.normal(0.0, 0.3, store.size).astype(dtype)
    store.s += rng.uniform(0.2, 0.9, store.state_size).astype(dtype)  # a running variance stays positive
    ctx = Ctx(Pass(there, seed=7, training=training))
    ctx.shared.rows = 9  # the batches are parts of a larger window
    return Rig(layer, shape, output, store, store.view(store.w, store.s), store.view(store.g), ctx)


def draw(n: int, shape: tuple[int, ...], seed: int, dtype: Any = "float64") -> Any:
    return np.random.default_rng(seed).normal(0.0, 1.0, (n, *shape)).astype(dtype)


def inputs(r: Rig, n: int = 7, seed: int = 11) -> tuple[Any, Any]:
    """x and dy for a batch of n, in the rig's precision."""
    return draw(n, r.shape, seed, r.store.dtype), draw(n, r.output, seed + 1, r.store.dtype)


def close(a: Any, b: Any, tolerance: float = 1e-12) -> None:
    assert a.shape == b.shape
    if b.size:
        scale = max(float(np.abs(b).max()), 1e-3)
        assert float(np.abs(a - b).max()) <= tolerance * scale


def spread(a: Any) -> Any:
    """The same numbers with gaps between the values of the last axis, and between rows."""
    wide = np.full((2 * len(a), *a.shape[1:-1], 2 * a.shape[-1]), np.nan, a.dtype)
    view = wide[::2, ..., ::2]
    view[...] = a
    return view


def backwards(a: Any) -> Any:
    """The same numbers behind negative strides."""
    return a[::-1, ..., ::-1].copy()[::-1, ..., ::-1]


def buffers(ctx: Ctx) -> list[int]:
    """The identities of all buffers of a workspace and its children."""
    own = [id(array) for array in ctx._buffers.values()]
    return own + [one for child in ctx._children.values() for one in buffers(child)]
