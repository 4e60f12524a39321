"""`gradcheck` on the user's own net and a batch of the user's own data, and what each way costs."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpcli.core.backend import one_blas_thread
from bpcli.core.gradcheck import (
    ENOUGH,
    STEPS,
    Block,
    Verdict,
    central_difference,
    check,
    complex_step,
    directions,
)
from bpcli.core.rng import generator
from bpcli.data.batches import Shuffle, order
from bpcli.data.inputs import arrays, each, row_shape, take
from bpcli.data.prepare import prepare
from bpcli.data.records import Batch
from bpcli.errors import UsageError, closest
from bpcli.files import Files
from bpcli.train.model import Model, build
from bpcli.train.penalties import Penalties
from bpcli.train.session import placed, weighted

if TYPE_CHECKING:
    from bpcli.data.records import Prepared
    from bpcli.spec.load import Loaded
    from bpcli.train.saved import Saved

#: Coordinates drawn of each tensor, rows of the batch, and seconds after which the cost is extrapolated.
DRAWN = 24
ROWS = 16
PATIENCE = 2.0


class Probe:
    """The training loss of one batch as a function of one flat vector: all parameters, then the inputs.

    Dropout's mask and the like are those of the run's first step, the same at every call; batch statistics
    are those of the batch. Inputs of whole numbers, such as symbols, are constants. Nothing is committed.
    """

    def __init__(self, model: Model, batch: Batch, penalties: Penalties, seed: int) -> None:
        self.model, self.batch, self.penalties = model, batch, penalties
        self.size = model.store.size
        self.norm = model.loss.weight(batch) or 1.0
        self._real = [array.dtype.kind == "f" for array in arrays(batch.x)]
        given = [array.ravel() for array, real in zip(arrays(batch.x), self._real, strict=True) if real]
        self.x = np.concatenate([model.store.w, *given])
        self._seed = seed
        self._ctx = {kind: model.workspace(seed=seed, training=True) for kind in "fc"}
        for ctx in self._ctx.values():
            ctx.child("net").need_dx = any(self._real)
            ctx.shared.rows = len(batch)

    def __call__(self, vector: NDArray[Any]) -> Any:
        """The loss, penalties included."""
        return self._forward(vector)[0]

    def gradient(self) -> NDArray[np.float64]:
        """The gradient by backpropagation with respect to the whole vector, at the point itself."""
        value, dy, p = self._forward(self.x)
        del value
        model, ctx = self.model, self._ctx["f"]
        model.store.g[:] = np.nan  # a slot that backward leaves out must not pass for zero
        dx = model.net.backward(p, model.g, dy, ctx.child("net"))
        model.store.gather()
        self.penalties.value_and_gradient(model.store.w, model.store.g, ctx.child("penalties"))
        given = (
            [part.ravel() for part, real in zip(arrays(dx), self._real, strict=True) if real]
            if any(self._real)
            else []
        )
        return np.concatenate([model.store.g, *given])

    def _inputs(self, vector: NDArray[Any]) -> Any:
        """The batch's inputs, with the numbers of this vector in place of those that are not whole."""
        made, start = list[Any](), 0
        for array, real in zip(arrays(self.batch.x), self._real, strict=True):
            stop = start + array.size
            made.append(vector[start:stop].reshape(array.shape) if real else array)
            start = stop if real else start
        return tuple(made) if isinstance(self.batch.x, tuple) else made[0]

    def _forward(self, vector: NDArray[Any]) -> tuple[Any, Any, Any]:
        model, ctx = self.model, self._ctx[vector.dtype.kind]
        w, x = vector[: self.size], self._inputs(vector[self.size :])
        p = model.store.view(w, model.store.s)
        net = ctx.child("net")
        net.mask, net.masks = None, ()
        y = model.net.forward(p, x, net)
        batch = Batch(x, self.batch.y, self.batch.weight, self.batch.mask)
        value, dy = model.loss(y, batch, self.norm, ctx.child("loss"))
        value += ctx.shared.take_penalty()
        ctx.shared.pending.clear()
        scratch = np.zeros_like(vector[: self.size])
        return value + self.penalties.value_and_gradient(w, scratch, ctx.child("penalties")), dy, p


def gradcheck(loaded: Loaded, *, layer: str | None = None, saved: Saved | None = None) -> dict[str, Any]:
    """The report of features `gradcheck --json`: each parameter, the input, and the cost section."""
    one_blas_thread()
    # Always in float64 on the host, whatever the training runs on.
    train = loaded.experiment.train.model_copy(update={"device": "cpu", "compiled": False})
    experiment = loaded.experiment.model_copy(update={"train": train})
    with placed(loaded):
        data = prepare(
            experiment.data,
            files=Files(loaded.folder),
            seed=experiment.seed,
            loss=experiment.loss,
            dtype="float64",
            like=None if saved is None else saved.pipeline,
        )
        model = build(
            experiment, data.target, row_shape(data.train.x), symbols=data.pipeline.symbols, dtype=np.float64
        )
    if saved is not None:
        model.store.w[:] = saved.model.store.w
        model.store.s[:] = saved.model.store.s
    else:  # with biases of exactly zero, a ReLU over blank pixels sits on its kink: look a little beside it
        aside: NDArray[np.float64] = generator(experiment.seed, "gradcheck", "aside").standard_normal(
            model.store.size
        )
        model.store.w += 0.01 * aside
    data = weighted(data, model.loss, model.store.dtype)
    penalties = Penalties(experiment.regularize, model.store)
    batch = _batch(data, experiment.seed, experiment.data.batch_size, experiment.data.shuffle)
    smooth = _is_smooth(model, penalties)
    if not smooth:  # equal pixels are ties for a maximum: the same rows, a hundredth of their spread aside
        batch = replace(batch, x=each(partial(_aside, experiment.seed), batch.x))
    probe = Probe(model, batch, penalties, experiment.seed)
    blocks = _blocks(model, layer)
    with model.backend.quiet():
        return _report(probe, blocks, smooth, experiment.seed)


def _aside(seed: int, x: NDArray[Any]) -> NDArray[Any]:
    if x.dtype.kind != "f":
        return x
    return x + 0.01 * x.std() * generator(seed, "gradcheck", "rows").standard_normal(x.shape)


def _batch(data: Prepared, seed: int, size: int, shuffle: Shuffle) -> Batch:
    """The first rows that training would see."""
    part = data.train
    rows = order(seed, 0, len(part), shuffle, size)[: min(size, ROWS)]
    assert part.y is not None
    return Batch(take(part.x, rows), part.y[rows], take(part.weight, rows))


def _blocks(model: Model, layer: str | None) -> list[Block]:
    blocks = [Block(".".join(param.path), param.name, param.slice) for param in model.store.params]
    blocks.sort(key=lambda block: [".".join(built.path) for built in model.built].index(block.layer))
    if layer is None:
        return blocks
    chosen = [b for b in blocks if b.layer == layer or b.layer.startswith(layer + ".")]
    if not chosen:
        names = list(dict.fromkeys(block.layer for block in blocks))
        near = closest(layer, names)
        hint = f"did you mean '{near}'?" if near else f"there are {', '.join(names)}"
        raise UsageError(f"the net has no layer '{layer}' with parameters", hint=hint)
    return chosen


def _is_smooth(model: Model, penalties: Penalties) -> bool:
    return model.net.is_smooth() and model.loss.smooth and penalties.smooth


def _report(probe: Probe, blocks: list[Block], smooth: bool, seed: int) -> dict[str, Any]:
    gradient = probe.gradient()
    rng = generator(seed, "gradcheck")
    scale = float(np.abs(gradient[: probe.size]).max(initial=0.0))

    def verdict(block: Block) -> Verdict:
        return check(probe, probe.x, gradient, block, smooth=smooth, scale=scale, count=DRAWN, rng=rng)

    verdicts = [verdict(block) for block in blocks]
    # The input's gradient has a scale of its own: the net's is no measure for it.
    scale = float(np.abs(gradient[probe.size :]).max(initial=0.0))
    given = len(probe.x) > probe.size
    inputs = [verdict(Block("input", "x", slice(probe.size, len(probe.x))))] if given else []
    everything = [*verdicts, *inputs]
    drawn, checked = sum(found.drawn for found in everything), sum(found.checked for found in everything)
    return {
        "passed": all(found.passed for found in everything) and checked >= ENOUGH * drawn,
        "max_relative_error": max(found.error for found in everything),
        "smooth": smooth,
        "rows": len(probe.batch),
        "coordinates": {
            "drawn": drawn,
            "checked": checked,
        },
        "parameters": [_row(found) for found in verdicts],
        "inputs": _row(inputs[0]) if inputs else None,
        "cost": _cost(probe, gradient, rng),
    }


def _row(found: Verdict) -> dict[str, Any]:
    return {
        "layer": found.layer, "name": found.name, "checked": found.checked, "skipped": found.skipped,
        "max_relative_error": found.error, "scale": found.scale, "method": found.method,
        "passed": found.passed, "reason": found.reason,
    }  # fmt: skip


def _cost(probe: Probe, gradient: NDArray[np.float64], rng: np.random.Generator) -> dict[str, Any]:
    """What the whole gradient costs by backpropagation and by central differences, and the error of each.

    Both errors are against the complex step, which needs as many passes as central differences do, and are
    relative to the largest gradient.
    """
    backward = min(_seconds(probe.gradient) for _ in range(5))
    forward = min(_seconds(lambda: probe(probe.x)) for _ in range(5))
    numerical = 2 * probe.size * forward
    extrapolated = numerical > PATIENCE
    if not extrapolated:
        numerical = _seconds(lambda: _differentiate_everything(probe))
    unit = float(np.abs(gradient[: probe.size]).max(initial=0.0)) or 1.0
    of_backward, of_numerical = 0.0, 0.0
    for d in directions(len(probe.x), slice(0, probe.size), DRAWN, rng):
        exact = complex_step(probe, probe.x, d)
        of_backward = max(of_backward, abs(float(gradient @ d) - exact) / unit)
        difference = central_difference(probe, probe.x, d, STEPS[0])
        of_numerical = max(of_numerical, abs(difference - exact) / unit)
    return {
        "parameters": probe.size,
        "backward_seconds": backward,
        "forward_seconds": forward,
        "numerical_seconds": numerical,
        "numerical_is_extrapolated": extrapolated,
        "backward_error": of_backward,
        "numerical_error": of_numerical,
    }


def _differentiate_everything(probe: Probe) -> NDArray[np.float64]:
    h, x = STEPS[0], probe.x.copy()
    gradient = np.empty(probe.size)
    for i in range(probe.size):
        x[i] = probe.x[i] + h
        above = probe(x)
        x[i] = probe.x[i] - h
        gradient[i] = (above - probe(x)) / (2 * h)
        x[i] = probe.x[i]
    return gradient


def _seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
