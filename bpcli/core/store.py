"""The Store: every parameter of a net in one vector, with named views into it.

Parameters, gradients and the optimizer's moments are flat vectors of one layout. So an optimizer is a few
lines for the whole net, clipping is one norm, a checkpoint is a few arrays. The layout is ordered in
segments of equal treatment (weights before what is not decayed, then by penalty), so weight decay and
penalties are slices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from bpcli.core.layout import Param, Path, lay_out
from bpcli.core.rng import generator
from bpcli.errors import BuildError

if TYPE_CHECKING:
    from bpcli.core.backend import Backend
    from bpcli.initializers.base import Initializer
    from bpcli.layers.base import Layer, Shape


class Tree(dict[str, Any]):
    """Named arrays and subtrees over one vector: `p.W`, `p["dense1"].b`.

    `trainable` says whether any parameter that is not frozen lies at or below this node, `frozen` whether
    the layer here is to leave what it knows of batches (running statistics) as it is, in training too.
    """

    trainable: bool = False
    frozen: bool = False

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        if not isinstance(value, Tree):  # an attribute proper is found much faster than by __getattr__
            self.__dict__[name] = value

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def node(self, path: Path) -> Tree:
        """The subtree at a path, made where it is not there yet."""
        tree = self
        for key in path:
            tree = tree.setdefault(key, Tree())
        return tree


@dataclass(frozen=True, slots=True)
class State:
    """An array that is not trained, but changed by training steps: running statistics, a carry."""

    path: Path
    name: str
    shape: tuple[int, ...]
    init: float
    slice: slice
    #: Whether the layer is frozen that it belongs to: see `Tree.frozen`.
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """A second use, under a name of its own, of an array that another layer has declared."""

    path: Path
    name: str
    of: tuple[Path, str]


@dataclass(frozen=True, slots=True)
class Built:
    """A layer as it was built: for summaries, gradient checks, and errors that point at the YAML."""

    path: Path
    where: tuple[str | int, ...]
    layer: Layer
    input: Shape
    output: Shape
    depth: int


@dataclass(frozen=True, slots=True)
class Symbols:
    """What the data says of inputs that are numbers of symbols: `counts`, of each input the size of its
    vocabulary or 0, and whether rows are filled up behind their end with symbol 0."""

    counts: tuple[int, ...] = ()
    padded: bool = False


@dataclass(slots=True)
class Plan:
    """What a walk down the layer tree has declared so far."""

    params: list[Param] = field(default_factory=list[Param])
    states: list[State] = field(default_factory=list[State])
    shares: list[Share] = field(default_factory=list[Share])
    built: list[Built] = field(default_factory=list[Built])
    #: Where what the layer in hand gets are numbers of symbols: the size of the data's vocabulary; else 0.
    symbols: int = 0
    #: Whether rows of symbols are filled up behind their end.
    padded: bool = False
    #: Of several inputs of the whole net, each one's.
    symbols_each: tuple[int, ...] = ()
    #: Whether what the layer in hand gets is masked; of several inputs: any, and each.
    masked: bool = False
    masked_each: tuple[bool, ...] = ()


class Decl:
    """What a layer's `build` talks to: declares its arrays, builds its children, words its errors."""

    __slots__ = ("path", "plan", "where")

    def __init__(self, plan: Plan, path: Path = (), where: tuple[str | int, ...] = ()) -> None:
        self.plan, self.path, self.where = plan, path, where

    def param(
        self,
        name: str,
        shape: tuple[int, ...],
        init: Initializer,
        *,
        fan_in: int = 1,
        fan_out: int = 1,
        decay: bool = True,
        l1: float = 0.0,
        l2: float = 0.0,
    ) -> None:
        """A trained array. `decay=False` for biases and norms: no weight decay and no global penalty."""
        self.plan.params.append(Param(self.path, name, shape, init, fan_in, fan_out, decay, l1, l2))

    def share(self, name: str, param: Param) -> None:
        """Another layer's array as p.name too. backward writes g.name, and `Store.gather` adds it up."""
        self.plan.shares.append(Share(self.path, name, (param.path, param.name)))

    def state(self, name: str, shape: tuple[int, ...], init: float = 0.0) -> None:
        """An untrained array: read as p.name, changed by ctx.update(name, value), saved with the run."""
        start = self.plan.states[-1].slice.stop if self.plan.states else 0
        self.plan.states.append(State(self.path, name, shape, init, slice(start, start + prod(shape))))

    def build(self, key: str, layer: Layer, shape: Shape, *where: str | int, wired: bool = False) -> Shape:
        """Builds a child under `key`, whose YAML is at `where` below this one; returns its output shape.

        `wired` says that the caller has seen to the child's `from:`.
        """
        child = Decl(self.plan, (*self.path, key), (*self.where, *where))
        if layer.from_ is not None and not wired:
            raise child.error(
                "only a layer in the list of a sequential can say where its input comes from",
                "put it into {type: sequential, layers: [...]}, or remove 'from'",
                "from",
            )
        if is_several(shape) and not layer.several:
            raise child.error(
                f"{layer.type} takes one input and gets {len(shape)}",
                "join them first, with {type: concatenate, from: [...]} or add",
            )
        if self.plan.masked and layer.masks == "ignore":
            raise child.error(
                f"a masked sequence reaches '{layer.type}', which would ignore the mask",
                "put a layer that consumes the mask before it",
            )
        if self.plan.symbols and not layer.takes_symbols:
            raise child.error(
                f"{layer.type} computes with numbers, and symbols come in, whose numbers are only names",
                "put {type: embedding, units: 32} before it",
            )
        place = len(self.plan.built)
        output = layer.build(shape, child)
        if not layer.children():
            self.plan.symbols = 0
        if layer.masks in ("consume", "make"):
            self.plan.masked = layer.masks == "make"
        self.plan.built.insert(place, Built(child.path, child.where, layer, shape, output, len(self.path)))
        return output

    def error(self, message: str, hint: str | None = None, *below: str | int) -> BuildError:
        """The error to raise, pointing at this layer's YAML (or a key below it)."""
        return BuildError(message, (*self.where, *below), hint)


def is_several(shape: Shape) -> bool:
    """Whether this is a tuple of shapes, of several inputs."""
    return any(isinstance(part, tuple) for part in shape)


class Store:
    """The vectors of one net: w, its gradient g (one layout), and the untrained state s."""

    def __init__(self, plan: Plan, dtype: Any, backend: Backend) -> None:
        self.backend = backend
        self.dtype = np.dtype(dtype)
        self.params, self.segments = lay_out(plan.params)
        self.states = tuple(plan.states)
        self.built = tuple(plan.built)
        self.size = self.params[-1].slice.stop if self.params else 0
        self.state_size = self.states[-1].slice.stop if self.states else 0
        xp = backend.xp
        self.w = xp.zeros(self.size, self.dtype)
        self.g = xp.zeros(self.size, self.dtype)
        self.s = xp.zeros(self.state_size, self.dtype)
        self._sum: Any = None
        owners = {(param.path, param.name): param for param in self.params}
        #: Each second use of a parameter: what it is, the parameter, and the gradient that is its own.
        self._uses = [(share, owners[share.of]) for share in plan.shares]
        self._g_of_uses = [xp.zeros(param.shape, self.dtype) for _, param in self._uses]

    def initialize(self, seed: int) -> None:
        """The first values: each array from a stream of its own, so adding a layer changes no other."""
        for param in self.params:
            rng = generator(seed, "init", *param.path, param.name)
            values = param.init.draw(rng, param.shape, param.fan_in, param.fan_out)
            self.w[param.slice] = self.backend.asarray(values.astype(self.dtype).ravel())
        for state in self.states:
            self.s[state.slice] = state.init

    def view(self, vector: Any, state: Any = None) -> Tree:
        """The named tree over any vector of this layout; with `state`, the untrained arrays too."""
        root = Tree()
        for built in self.built:
            root.node(built.path)
        for param in self.params:
            root.node(param.path)[param.name] = vector[param.slice].reshape(param.shape)
            for depth in range(0 if param.frozen else len(param.path) + 1):
                root.node(param.path[:depth]).trainable = True
        for (share, param), own in zip(self._uses, self._g_of_uses, strict=True):
            values = own if vector is self.g else vector[param.slice].reshape(param.shape)
            root.node(share.path)[share.name] = values
            for depth in range(0 if param.frozen else len(share.path) + 1):
                root.node(share.path[:depth]).trainable = True
        if state is not None:
            for entry in self.states:
                node = root.node(entry.path)
                node[entry.name] = state[entry.slice].reshape(entry.shape)
                node.frozen = entry.frozen
        return root

    def gather(self) -> None:
        """After backward: adds the gradient of every second use to that of its parameter."""
        for (_, param), own in zip(self._uses, self._g_of_uses, strict=True):
            self.g[param.slice] += own.reshape(-1)

    def layout(self) -> list[list[Any]]:
        """[name, shape] of every trained and untrained array, in order: what a checkpoint's vectors mean."""
        entries = [*self.params, *self.states]
        return [[".".join((*entry.path, entry.name)), list(entry.shape)] for entry in entries]

    def sum_up(self, k: int, count: int) -> None:
        """Adds micro-batch k of `count` to the window's gradient; after the last one g holds the sum."""
        if count == 1:
            return
        if k == 0:
            self._sum = self.g.copy() if self._sum is None else self._sum
            self._sum[:] = self.g
        else:
            self._sum += self.g
        if k == count - 1:
            self.g[:] = self._sum

    def decay(self, amount: float, group: int = -1) -> None:
        """w <- w (1 - amount) on the segments of a group that decay and are not frozen."""
        for segment in self.segments:
            if segment.decay and amount and segment.group == group and not segment.frozen:
                self.w[segment.slice] *= 1.0 - amount

    def spare_frozen(self) -> None:
        """Sets the gradient of what is frozen to zero: not every pass comes to write it."""
        for segment in self.segments:
            if segment.frozen:
                self.g[segment.slice] = 0
