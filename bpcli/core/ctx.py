"""The Ctx: the workspace of one pass of one net.

It hands out buffers (the same array every step, so that training allocates nothing after the second),
keeps what backward needs, and knows the mode: training or not, which step, whether dx is wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bpcli.core.rng import Stream
from bpcli.core.rows import BLOCK_WORK, PASS, TEAM_WORK, Pool, grid, product_grid

if TYPE_CHECKING:
    from numpy.random import Generator

    from bpcli.core.backend import Backend
    from bpcli.core.store import Tree
    from bpcli.layers.base import Layer


class Pass:
    """What all nodes of one workspace share: backend, mode, and where in the run it stands."""

    __slots__ = (
        "backend",
        "begins",
        "decoding",
        "micro",
        "penalty",
        "pending",
        "pool",
        "reorder",
        "rows",
        "seed",
        "step",
        "through_time",
        "training",
        "watch",
        "xp",
    )

    def __init__(self, backend: Backend, *, seed: int = 0, training: bool = False, pool: Pool | None = None):
        self.backend = backend
        self.xp = backend.xp
        self.seed = seed
        self.training = training
        self.pool = pool or Pool(1)
        self.step = 0
        self.micro = 0
        self.pending: list[tuple[tuple[str, ...], str, Any]] = []
        #: Rows of the whole window that the pass is part of, what a mean over the batch divides by. The loop
        #: sets it, so that what layers add to the loss is the same for one batch and for its micro-batches.
        self.rows = 1
        #: What layers have added to the loss since `take_penalty`.
        self.penalty: Any = 0.0
        #: How many steps of its sequences earlier passes have seen, where they are fed piece by piece, as in
        #: generating; None where a pass gets whole sequences. A layer that looks back keeps in its workspace
        #: what it needs of those steps, and starts anew at 0. Whoever feeds the pieces counts, keeps to
        #: evaluation passes and to the same rows, and copies y, whose memory is used again.
        self.decoding: int | None = None
        #: Where it is set, what is remembered of earlier steps is first taken in this order (n,): row i goes
        #: on where row reorder[i] was. A beam search needs it.
        self.reorder: Any = None
        #: Whether the batch begins its sequences: a layer that is stateful over training batches then starts
        #: anew, and not from its carry. The loop says so, as where an epoch begins.
        self.begins = False
        #: Where it is set, each recurrent layer gives it (path, dz) in backward: the gradient at what its
        #: gates get of x, (t, n, gates·units), in the order of the sequence's own steps, and valid for the
        #: moment.
        self.through_time: Callable[[tuple[str, ...], Any], None] | None = None
        #: Where it is set, it runs every layer in place of the layer's container: see `Ctx.run`.
        self.watch: Callable[[Layer, Tree, Any, Ctx], Any] | None = None

    def take_penalty(self) -> Any:
        """What layers have added to the loss, which is nothing afterwards."""
        taken, self.penalty = self.penalty, 0.0
        return taken


class Ctx:
    """One layer's workspace. A child's is `ctx.child(key)`; a layer used twice has one for each use."""

    __slots__ = (
        "_buffers",
        "_children",
        "_streams",
        "lazy",
        "mask",
        "masks",
        "need_dx",
        "path",
        "saved",
        "shared",
        "walk",
        "xp",
    )

    def __init__(self, shared: Pass, path: tuple[str, ...] = ()) -> None:
        self.shared = shared
        self.xp = shared.xp
        self.path = path
        #: What forward keeps for backward: set it whole, read it whole.
        self.saved: Any = None
        #: Whether the gradient of the input is wanted; where it is false, backward returns None.
        self.need_dx = True
        #: Whether y may be a `Lookup`: rows of a table, named and not copied; all who take it can use one.
        self.lazy = False
        #: The sequence mask (n, t), true where a step is real, that belongs to x, or None. After `forward` it
        #: is the one that belongs to y: a layer that makes or changes a mask sets it.
        self.mask: Any = None
        #: The mask, or None, of each input of a layer that takes several.
        self.masks: tuple[Any, ...] = ()
        #: A container's own: what it would look up for its children in every pass.
        self.walk: Any = None
        self._buffers: dict[str, Any] = {}
        self._children: dict[str, Ctx] = {}
        self._streams: dict[str, Stream] = {}

    @property
    def training(self) -> bool:
        return self.shared.training

    def child(self, key: str) -> Ctx:
        found = self._children.get(key)
        if found is None:
            found = self._children[key] = Ctx(self.shared, (*self.path, key))
        return found

    def buf(self, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        """An array to write into, not cleared. The same one every step; a short batch gets a part of it."""
        held = self._buffers.get(name)
        if held is not None and held.dtype == dtype:
            if held.shape == shape:
                return held
            if held.shape[1:] == shape[1:] and len(held) > shape[0]:
                return held[: shape[0]]
        made = self._buffers[name] = self.xp.empty(shape, dtype)
        return made

    def ones(self, n: int, dtype: Any) -> Any:
        """1 n times, to be read only: `ones @ a` is the sum of the rows of a."""
        held = self._buffers.get("ones")
        if held is None or len(held) < n or held.dtype != dtype:
            held = self._buffers["ones"] = self.xp.ones(n, dtype)
        return held if len(held) == n else held[:n]

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Zeros to be read only."""
        held = self._buffers.get("zeros")
        if held is not None and held.dtype == dtype:
            if held.shape == shape:
                return held
            if held.shape[1:] == shape[1:] and len(held) > shape[0]:
                return held[: shape[0]]
        held = self._buffers["zeros"] = self.xp.zeros(shape, dtype)
        return held

    def rng(self, purpose: str) -> Generator:
        """The random stream of this purpose here, at this step and micro-batch."""
        stream = self._streams.get(purpose)
        if stream is None:
            stream = self._streams[purpose] = Stream(self.shared.seed, purpose, *self.path)
        return stream.at(self.shared.step, self.shared.micro)

    def compiled(self, name: str, dtype: Any) -> Any:
        """The compiled twins of what a component does in NumPy, or None: a module of core/compiled/."""
        return self.shared.backend.compiled(name, dtype)

    def by_kernel(self, name: str, *arrays: Any) -> bool:
        """Whether a kernel of core/compiled/elementwise.py has filled the last array from the others."""
        kernels = self.compiled("elementwise", arrays[-1].dtype)
        kernel = getattr(kernels, name, None)
        if kernel is None or not all(array.flags.c_contiguous for array in arrays):
            return False
        size = arrays[-1].size
        kernel(self.shared.pool, grid(size, PASS * size), *[array.reshape(-1) for array in arrays])
        return True

    def run(self, layer: Layer, p: Tree, x: Any) -> Any:
        """y of the layer that this workspace belongs to: how a container runs its children.

        `Pass.watch` may look at each layer, or do more with it: it is given (layer, p, x, ctx) and returns y.
        """
        watch = self.shared.watch
        return layer.forward(p, x, self) if watch is None else watch(layer, p, x, self)

    def penalize(self, total: Any) -> None:
        """Adds a sum over this batch's rows to the training loss, as a mean over the window's rows.

        `total` is a Python number, complex under the complex step; backward has to add its gradient,
        divided by `ctx.shared.rows` as well.
        """
        self.shared.penalty += total / self.shared.rows

    def update(self, name: str, value: Any) -> None:
        """Asks for a new value of declared state, kept and not copied; only a training step commits it."""
        self.shared.pending.append((self.path, name, value))

    def commit(self, p: Tree) -> None:
        """Writes the asked-for values into the state arrays of p, the tree that belongs to this workspace."""
        for path, name, value in self.shared.pending:
            p.node(path[len(self.path) :])[name][...] = value
        self.shared.pending.clear()

    def nbytes(self) -> int:
        """Bytes of all buffers at and below this node."""
        own = sum(int(array.nbytes) for array in self._buffers.values())
        return own + sum(child.nbytes() for child in self._children.values())

    def rows(self, n: int, work: float, kernel: Callable[[slice], Any]) -> None:
        """Calls kernel(block) over a fixed grid of n rows, on all threads; `work` is the flops of all."""
        self.shared.pool.run(kernel, grid(n, work))

    def matmul(self, a: Any, b: Any, out: Any) -> Any:
        """out = a @ b for matrices, cut along the longer side of the output."""
        (m, k), n = a.shape, b.shape[1]
        work, pool, longer = 2.0 * m * n * k, self.shared.pool, max(m, n)
        kernels = self.compiled("product", out.dtype) if work >= 2 * TEAM_WORK else None
        if kernels is not None and kernels.multiply(pool, product_grid(longer, work), a, b, out):
            return out
        if work < 2 * BLOCK_WORK:  # `dot` has less to look at first, and of small matrices that is a third
            return a.dot(b, out) if out.flags.c_contiguous else self.xp.matmul(a, b, out=out)
        blocks = product_grid(longer, work)
        if n >= m:
            pool.run(lambda c: self.xp.matmul(a, b[:, c], out=out[:, c]), blocks)
        else:
            pool.run(lambda r: self.xp.matmul(a[r], b, out=out[r]), blocks)
        return out
