"""The laws that every layer obeys, as functions over one built layer.

Each is an assertion about a rig: a layer built by itself, on any backend and in any precision. So a layer
that was broken on purpose can be given to it as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.generic.rigs import Rig, backwards, buffers, close, inputs, rig, spread

#: Largest error that is allowed, relative to the largest gradient in the net.
SMOOTH, KINKED = 1e-11, 1e-6
#: Share of the coordinates that must really have been compared; the rest lay too near a kink.
ENOUGH = 0.95
MOST = 150  # coordinates of one array that are compared; of larger ones a random part


# --- gradients ------------------------------------------------------------------------------------------


@dataclass
class Comparison:
    """Backward against the definition of the gradient: the largest relative error, and how much was seen."""

    error: float
    checked: int
    drawn: int
    method: str

    @property
    def tolerance(self) -> float:
        return SMOOTH if self.method == "complex step" else KINKED

    @property
    def passed(self) -> bool:
        return self.error <= self.tolerance and self.checked >= ENOUGH * self.drawn


def compare_gradients(
    layer: Any, shape: tuple[int, ...], *, training: bool, backend: str = "numpy", n: int = 5
) -> Comparison:
    """Compares dL/dw and dL/dx of L = Σ c·y + penalties, for a random c, with their definition."""
    here = rig(layer, shape, training=training, backend=backend)
    x, c = inputs(here, n)
    _, dx, dw = here.gradients(x, c)
    smooth = layer.is_smooth()
    there = rig(layer, shape, dtype="complex128" if smooth else "float64", training=training, backend=backend)
    x_there = x.astype(there.store.dtype)

    def value() -> Any:
        return (c * there.forward(x_there)).sum() + there.ctx.shared.take_penalty()

    slope = complex_step if smooth else central
    scale = max((float(np.abs(a).max()) for a in (dw, dx) if a.size), default=0.0)
    if not scale > 0.0:  # NaN included
        return Comparison(np.inf, 0, 1, "none")
    error, checked, drawn = 0.0, 0, 0
    for analytic, vector in ((dw, there.store.w), (dx.ravel(), x_there.reshape(-1))):
        for d in directions(analytic.size):
            drawn += 1
            numerical = slope(value, vector, d, scale)
            if numerical is not None:
                checked += 1
                off = abs(analytic @ d - numerical) / scale
                error = max(error, off) if off == off else np.inf
    return Comparison(error, checked, drawn, "complex step" if smooth else "central difference")


def directions(size: int) -> Iterator[Any]:
    """Every coordinate; of a large array some, and one direction through all of it, which sees each."""
    rng = np.random.default_rng(size)
    for j in range(size) if size <= MOST else rng.choice(size, MOST, replace=False).tolist():
        d = np.zeros(size)
        d[j] = 1.0
        yield d
    if size > MOST:
        yield rng.choice([-1.0, 1.0], size)


def complex_step(value: Callable[[], Any], vector: Any, d: Any, scale: float) -> float:
    """Im L(v + ihd) / h: no subtraction, so h may be as small as it likes."""
    h = 1e-20
    kept = vector.copy()
    vector += 1j * h * d
    slope = value().imag / h
    vector[...] = kept
    return float(slope)


def central(value: Callable[[], Any], vector: Any, d: Any, scale: float) -> float | None:
    """(L(v + hd) - L(v - hd)) / 2h, or None where the two sides disagree: there is a kink in between."""
    h = 1e-6
    kept, middle = vector.copy(), value()
    vector += h * d
    up = (value() - middle) / h
    vector[...] = kept - h * d
    down = (middle - value()) / h
    vector[...] = kept
    return None if abs(up - down) > 1e-4 * scale else float(up + down) / 2


# --- the other laws -------------------------------------------------------------------------------------


def law_shape(r: Rig) -> None:
    x, _ = inputs(r)
    assert r.forward(x).shape == (7, *r.output)


def law_gradient(r: Rig) -> None:
    training, backend = r.ctx.training, r.store.backend.name
    found = compare_gradients(r.layer, r.shape, training=training, backend=backend)
    assert found.passed, found


def law_backward_writes_every_slot(r: Rig) -> None:
    x, dy = inputs(r)
    _, dx, dw = r.gradients(x, dy)  # fills g with NaN first
    assert np.isfinite(dw).all()
    assert dx.shape == x.shape
    assert np.isfinite(dx).all()


def law_backward_twice_equals_once(r: Rig) -> None:
    x, dy = inputs(r)
    _, dx, dw = r.gradients(x, dy)
    again = r.backward(dy)
    assert np.array_equal(again, dx)
    assert np.array_equal(r.store.g, dw)


def law_inputs_untouched(r: Rig) -> None:
    x, dy = inputs(r)
    kept = [a.copy() for a in (x, dy, r.store.w, r.store.s)]
    for array in (x, dy, r.store.w, r.store.s):
        array.flags.writeable = False
    r.p = r.store.view(r.store.w, r.store.s)  # views made now are read-only too
    y = r.forward(x)
    y_kept = y.copy()
    r.backward(dy)
    for array, before in zip((x, dy, r.store.w, r.store.s, y), (*kept, y_kept), strict=True):
        assert np.array_equal(array, before)


def law_rows(r: Rig) -> None:
    """A batch is its rows one by one: outputs and input gradients alike, parameter gradients added up."""
    x, dy = inputs(r)
    y, dx, dw = r.gradients(x, dy)
    total = np.zeros_like(dw)
    for i in range(len(x)):
        yi, dxi, dwi = r.gradients(x[i : i + 1], dy[i : i + 1])
        close(yi[0], y[i])
        close(dxi[0], dx[i])
        total += dwi
    close(total, dw)


def law_not_rows(r: Rig) -> None:
    """A layer that says it looks across the batch does: other rows change what a row gives."""
    x, _ = inputs(r)
    y = r.forward(x).copy()
    assert not np.allclose(r.forward(x[:3]), y[:3])


def row_wise(layer: Any) -> bool:
    """Whether the layer and all below it treat each row by itself."""
    return layer.row_wise and all(row_wise(child) for _, child in layer.children())


def law_short_batch(r: Rig) -> None:
    """A short last batch gives what it gives in a workspace that never saw a longer one."""
    fresh = rig(r.layer, r.shape, training=r.ctx.training, backend=r.store.backend.name)
    x, dy = inputs(r)
    r.gradients(x, dy)
    for here, there in zip(r.gradients(x[:3], dy[:3]), fresh.gradients(x[:3], dy[:3]), strict=True):
        close(here, there)
    for here, there in zip(r.gradients(x, dy), fresh.gradients(x, dy), strict=True):
        close(here, there)


def law_dtype(r: Rig) -> None:
    """float32, float64 and complex128 come out as they went in, with the same numbers within rounding."""
    x, dy = inputs(r)
    reference = r.gradients(x, dy)
    for dtype, tolerance in (("float32", 1e-4), ("complex128", 1e-12)):
        other = rig(r.layer, r.shape, dtype=dtype, training=r.ctx.training, backend=r.store.backend.name)
        found = other.gradients(x.astype(dtype), dy.astype(dtype))
        for array, expected in zip(found, reference, strict=True):
            assert array.dtype == dtype
            close(array, expected, tolerance)


def law_layout(r: Rig) -> None:
    """Strided, reversed and Fortran-ordered arrays give what contiguous ones give."""
    x, dy = inputs(r)
    reference = r.gradients(x, dy)
    for relaid in (np.asfortranarray, spread, backwards):
        for array, expected in zip(r.gradients(relaid(x), relaid(dy)), reference, strict=True):
            close(array, expected)


def law_no_growth(r: Rig) -> None:
    """After the second step the workspace holds the same buffers and the process no more memory."""
    import tracemalloc

    x, dy = inputs(r, n=400)

    def step() -> None:
        r.forward(x)
        r.backward(dy)
        r.ctx.commit(r.p)

    step()
    step()
    held = sorted(buffers(r.ctx))
    tracemalloc.start()
    try:
        step()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(4):
            step()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sorted(buffers(r.ctx)) == held
    assert after - before < x.nbytes, "four more steps kept at least one array of the input's size"


def law_state(r: Rig) -> None:
    """Evaluation asks for no change of state; training changes it at the commit and not before."""
    x, dy = inputs(r)
    before = r.store.s.copy()
    r.gradients(x, dy)
    assert np.array_equal(r.store.s, before)
    asked = {(path, name) for path, name, _ in r.ctx.shared.pending}
    assert asked == ({(s.path, s.name) for s in r.store.states} if r.ctx.training else set())
    r.ctx.commit(r.p)
    assert np.array_equal(r.store.s, before) != (r.ctx.training and before.size > 0)


def law_need_dx(r: Rig) -> None:
    """Where the input's gradient is not asked for, None comes back and the parameters' are the same."""
    x, dy = inputs(r)
    _, _, dw = r.gradients(x, dy)
    r.ctx.need_dx = False
    _, dx, without = r.gradients(x, dy)
    assert dx is None
    assert np.array_equal(without, dw)


LAWS: tuple[Callable[[Rig], None], ...] = (
    law_shape, law_gradient, law_backward_writes_every_slot, law_backward_twice_equals_once,
    law_inputs_untouched, law_short_batch, law_dtype, law_layout, law_no_growth, law_state, law_need_dx,
)  # fmt: skip
