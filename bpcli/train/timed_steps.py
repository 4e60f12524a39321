"""The trainer's own loop with a stopwatch on it: what each step took, and what each layer did in it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from math import prod
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bpcli.callbacks.base import StopTraining
from bpcli.core.store import Tree
from bpcli.data.inputs import arrays, each, row_shape
from bpcli.train import trainer as loop
from bpcli.train.stopwatch import Stopwatch

if TYPE_CHECKING:
    from bpcli.layers.base import Layer
    from bpcli.train.trainer import Trainer

PHASES = ("forward", "backward")
#: What of the loop is no layer, in the order of a step; `_put_clocks_on` says what is booked to each.
LOOP = (
    "batches", "loss", "sums", "scoring", "penalties", "clipping", "optimizer", "averaging", "callbacks",
    "the rest",
)  # fmt: skip
_GATHER, _REST = LOOP[0], LOOP[-1]
#: Steps between putting the clocks on and reading them.
SETTLE = 2

Path = tuple[str, ...]
#: A phase, and the layer's path below the net.
Key = tuple[str, Path]


class Work(NamedTuple):
    """What a layer did: FLOPs, and bytes that it had to move."""

    flops: float
    moved: float


@dataclass(frozen=True, slots=True)
class Lap:
    """A step: seconds in all, rows, nanoseconds by key or name of the loop's part, the layers' work."""

    seconds: float
    rows: int
    times: dict[Any, float]
    done: list[tuple[Key, Work]]

    def work(self, key: Key) -> Work:
        own = [work for one, work in self.done if one == key]
        return Work(sum(work.flops for work in own), sum(work.moved for work in own))


class TimedSteps:
    """Steps as they are trained: some for warming up, `plain` ones, and `laps` with a clock on every layer.

    It stops the training when it has enough of them.
    """

    def __init__(self, trainer: Trainer, watch: Stopwatch, steps: int, warmup: int) -> None:
        self.plain: list[Lap] = []
        self.laps: list[Lap] = []
        self.layers: dict[Path, Layer] = {(): trainer.model.net}
        self.layers |= {built.path: built.layer for built in trainer.model.built}
        self._trainer, self._watch, self._steps, self._warmup = trainer, watch, steps, warmup
        self._seen = self._start = self._rows = 0
        self._done: list[tuple[Key, Work]] = []
        self._known: dict[Key, tuple[Any, Work]] = {}
        self._came: dict[Path, tuple[float, int]] = {}
        self._windows, self._after = trainer._windows, trainer._after_step  # pyright: ignore[reportPrivateUsage]
        watch.replace(trainer, "_windows", self._gathered)
        watch.replace(trainer, "_after_step", self._ended)

    def _gathered(self) -> Generator[Any]:
        """The trainer's windows; a step begins when the next one is asked for."""
        with closing(self._windows()) as windows:
            following = self._watch.timed(lambda: next(windows, None), _GATHER)
            while True:
                self._watch.lap()
                self._done = []
                self._start = perf_counter_ns()
                window = following()
                if window is None:
                    return
                self._rows = sum(map(len, window))
                yield window

    def _ended(self) -> None:
        """What comes after a step's update, and then the step is over."""
        self._after()
        taken = perf_counter_ns() - self._start
        times, lost = self._watch.lap()
        self._seen += 1
        timed = self._seen - self._warmup - self._steps
        lap = Lap((taken - lost) / 1e9, self._rows, times, self._done)
        if timed > SETTLE:
            self.laps.append(lap)
            if len(self.laps) == self._steps:
                raise StopTraining("profiled")
        elif timed <= 0 and self._seen > self._warmup:
            self.plain.append(lap)
            if not timed:
                self._put_clocks_on()

    def _put_clocks_on(self) -> None:
        trainer, watch = self._trainer, self._watch
        model, store = trainer.model, trainer.model.store
        for kind in {type(layer) for layer in self.layers.values()}:
            watch.on(kind, "forward", self._key("forward"), self._forward)
            watch.on(kind, "backward", self._key("backward"), self._backward)
        parts = {
            "loss": [(type(model.loss), "__call__"), (type(model.loss), "weight")],
            "sums": [(store, "gather"), (store, "sum_up"), (store, "spare_frozen")],
            "scoring": [(trainer, "_score")],
            "penalties": [(trainer.penalties, "add_to_gradient")],
            "clipping": [(loop, "clip")],
            "optimizer": [(trainer, "update")],
            "averaging": [(trainer.average, "follow")],
            "callbacks": [(trainer.hooks, "after_gradient"), (trainer.hooks, "after_step")],
            _REST: [(trainer, "_update"), (self, "_after")],
        }
        for part, functions in parts.items():
            for owner, name in functions:
                watch.on(owner, name, part)

    def _key(self, phase: str) -> Callable[..., Key]:
        """(…, ctx) -> the layer that a workspace is of: without a name of its own, the one above it."""
        known: dict[Path, Key] = {}

        def key(*given: Any) -> Key:
            whole: Path = given[-1].path
            if whole not in known:
                path = whole[1:]
                while path not in self.layers:
                    path = path[:-1]
                known[whole] = phase, path
            return known[whole]

        return key

    def _forward(self, key: Key, given: tuple[Any, ...], y: Any) -> None:
        layer, p, x, _ = given
        shapes = _shapes(x)
        if (known := self._known.get(key)) is None or known[0] != shapes:
            known = shapes, self._forward_work(layer, p, x, y, key[1])
            self._known[key] = known
        self._done.append((key, known[1]))

    def _forward_work(self, layer: Layer, p: Any, x: Any, y: Any, path: Path) -> Work:
        if layer.children() or self.layers[path] is not layer:
            return Work(0, 0)
        flops = layer.flops(row_shape(x), row_shape(y)) * len(arrays(x)[0])
        self._came[path] = flops, _bytes(x)
        return Work(flops, 0 if _is_view(x, y) else _bytes(x) + _bytes(p) + _bytes(y))

    def _backward(self, key: Key, given: tuple[Any, ...], dx: Any) -> None:
        layer, p, g, dy, _ = given
        shapes = _shapes(dy)
        if (known := self._known.get(key)) is None or known[0] != shapes:
            known = shapes, self._backward_work(layer, p, g, dy, dx, key[1])
            self._known[key] = known
        self._done.append((key, known[1]))

    def _backward_work(self, layer: Layer, p: Any, g: Any, dy: Any, dx: Any, path: Path) -> Work:
        if layer.children() or self.layers[path] is not layer:
            return Work(0, 0)
        flops, came_in = self._came.get(path, (0, 0))
        trained = p.trainable and any(not isinstance(part, Tree) for part in g.values())
        moved = _bytes(dy) + came_in + _bytes(p) + _bytes(g) + _bytes(dx)
        return Work(flops * (trained + (dx is not None)), moved if trained or not _is_view(dy, dx) else 0)


def _shapes(x: Any) -> Any:
    """The shape of an array; of several those of each."""
    return each(lambda array: array.shape, x)


def _bytes(x: Any) -> int:
    """Of an array, of several, of a layer's own in a tree, or of rows that are only named."""
    if x is None:
        return 0
    if isinstance(x, Tree):
        return sum(_bytes(array) for array in x.values() if not isinstance(array, Tree))
    if isinstance(x, tuple):
        return sum(map(_bytes, arrays(x)))
    return prod(x.shape) * np.dtype(x.dtype).itemsize


def _is_view(x: Any, y: Any) -> bool:
    """Whether y is x in another shape, so that nothing was moved."""
    plain = all(hasattr(array, "nbytes") for array in (x, y))
    return plain and x.nbytes == y.nbytes and np.may_share_memory(x, y)
