"""The passes of batch_norm over a batch, a block of rows for each thread, in NumPy and compiled."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from math import prod
from typing import Any

from bpcli.core.ctx import Ctx
from bpcli.core.rows import PASS, grid

#: Passes over the batch that are made at a time, about.
_PASSES = 3


class Passes:
    """Over an array x (n, ..., c) and those of its shape; what is (c,) belongs to the channels.

    A mean is the product of a row of weights with a block, added up in the blocks' order: up to five times as
    fast as a.mean(0), which adds row to row, and in float32 its error is smaller. What goes number by number
    takes whole lines of an image as rows: NumPy goes through an array by its last axis, and a few channels
    make that a short way. x - μ is stored, for the passes to come.
    """

    def __init__(self, x: Any, real: Any, ctx: Ctx) -> None:
        """`real` (n, ..., 1): the places that count, or None for all."""
        shape = x.shape
        self._ctx, self._xp, self._pool = ctx, ctx.xp, ctx.shared.pool
        self._x, self._real, self._c = x, real, shape[-1]
        self.count = prod(shape[:-1]) if real is None else int(real.sum())
        self._blocks = grid(shape[0], _PASSES * PASS * prod(shape))
        self._times = shape[-2] if len(shape) > 2 else 1
        self._lines, self._places = (-1, self._times * self._c), prod(shape[1:-1])
        self._share = 1.0 / max(self.count, 1)

    def observe(self) -> tuple[Any, Any]:
        """μ and σ² of the batch, in whose x - μ the passes to come are."""
        x = self._x
        mean = self._mean(lambda rows: x[rows])
        self.centre(mean)
        return mean, self._mean_product(self._centred, self._centred)

    def centre(self, mean: Any) -> None:
        """Takes this μ for the passes to come."""
        line, x = self._along(mean), self._x
        self._centred = self._ctx.buf("centred", x.shape, x.dtype)
        self._each(
            lambda rows: self._xp.subtract(self._flat(x, rows), line, out=self._flat(self._centred, rows))
        )

    def normalize(self, slope: Any, shift: Any, y: Any) -> None:
        """y = slope (x - μ) + shift; `shift` may be None."""
        self._scale(self._centred, slope, shift, y)

    def scale(self, dy: Any, slope: Any, dx: Any) -> None:
        """dx = slope dy."""
        self._scale(dy, slope, None, dx)

    def means(self, dy: Any) -> tuple[Any, Any]:
        """The means of dy and of dy (x - μ)."""
        return self._mean(lambda rows: dy[rows]), self._mean_product(dy, self._centred)

    def back(self, dy: Any, with_dy: Any, with_x: Any, slope: Any, dx: Any) -> None:
        """dx = slope (dy - with_dy - with_x (x - μ)), and 0 at places that do not count."""
        slopes, of_dy, of_x = self._along(slope), self._along(with_dy), self._along(with_x)

        def block(rows: slice) -> None:
            made = self._flat(dx, rows)
            self._xp.multiply(self._flat(self._centred, rows), of_x, out=made)
            made += of_dy
            self._xp.subtract(self._flat(dy, rows), made, out=made)
            made *= slopes
            if self._real is not None:
                dx[rows] *= self._real[rows]

        self._each(block)

    def _scale(self, a: Any, slope: Any, shift: Any, out: Any) -> None:
        slopes, shifts = self._along(slope), None if shift is None else self._along(shift)

        def block(rows: slice) -> None:
            made = self._flat(out, rows)
            self._xp.multiply(self._flat(a, rows), slopes, out=made)
            if shifts is not None:
                made += shifts

        self._each(block)

    @cached_property
    def _weights(self) -> Any:
        """What each place counts in a mean."""
        if self._real is not None:
            return self._real.reshape(-1).astype(self._x.dtype) * self._share
        return self._xp.full(self._blocks[0].stop * self._places, self._share, self._x.dtype)

    def _mean_product(self, a: Any, b: Any) -> Any:
        spare = self._ctx.buf("spare", self._x.shape, self._x.dtype)
        return self._mean(lambda rows: self._xp.multiply(a[rows], b[rows], out=spare[rows]))

    def _flat(self, a: Any, rows: slice) -> Any:
        return a[rows].reshape(self._lines)

    def _along(self, a: Any) -> Any:
        """A channel's numbers (c,) along a line."""
        return a if self._times == 1 else self._xp.tile(a, self._times)

    def _each(self, kernel: Callable[[slice], Any]) -> None:
        self._pool.run(kernel, self._blocks)

    def _mean(self, values: Callable[[slice], Any]) -> Any:
        """The mean (c,) of what `values` gives of each block, an array (rows, ..., c)."""
        size, weights = self._blocks[0].stop, self._weights
        sums = self._ctx.buf("sums", (len(self._blocks), self._c), self._x.dtype)

        def add(rows: slice) -> None:
            flat = values(rows).reshape(-1, self._c)
            start = 0 if self._real is None else rows.start * self._places
            weights[start : start + len(flat)].dot(flat, sums[rows.start // size])

        self._each(add)
        return sums[0].copy() if len(self._blocks) == 1 else sums.sum(axis=0)


class CompiledPasses(Passes):
    """The same where every place counts, with fewer passes over memory: x - μ is never stored."""

    def __init__(self, kernels: Any, x: Any, ctx: Ctx) -> None:
        super().__init__(x, None, ctx)
        self._kernels, width = kernels, self._times * self._c
        self._totals = ctx.buf("totals", (2, len(self._blocks), width), "float64")
        self._some = ctx.buf("some", (len(self._blocks), 2, width), x.dtype)

    def observe(self) -> tuple[Any, Any]:
        # Sums of x - x₀, with any x₀ that lies among them: squares of x itself could leave nothing of σ².
        start = self._whole(self._x)[0, 0].reshape(self._times, self._c)[0].copy()
        mean, square = self._sums_of("moments", self._whole(self._x), self._along(start))
        self.centre((start + mean).astype(self._x.dtype))
        return self._mu, (square - mean * mean).clip(0).astype(self._x.dtype)

    def centre(self, mean: Any) -> None:
        self._mu = mean

    def normalize(self, slope: Any, shift: Any, y: Any) -> None:
        shift = self._xp.zeros_like(slope) if shift is None else shift
        lines = self._along(self._mu), self._along(slope), self._along(shift)
        self._run("normalize", self._whole(self._x), *lines, self._whole(y))

    def means(self, dy: Any) -> tuple[Any, Any]:
        sums = self._sums_of("products", self._whole(dy), self._whole(self._x), self._along(self._mu))
        of_dy, of_both = (mean.astype(dy.dtype) for mean in sums)
        return of_dy, of_both

    def back(self, dy: Any, with_dy: Any, with_x: Any, slope: Any, dx: Any) -> None:
        lines = [self._along(a) for a in (self._mu, with_dy, with_x, slope)]
        self._run("back", self._whole(dy), self._whole(self._x), *lines, self._whole(dx))

    def _whole(self, a: Any) -> Any:
        """As (n, lines, numbers of a line)."""
        return a.reshape(len(a), *self._lines)

    def _run(self, kernel: str, *arrays: Any) -> None:
        getattr(self._kernels, kernel)(self._pool, self._blocks, *arrays)

    def _sums_of(self, kernel: str, *arrays: Any) -> tuple[Any, Any]:
        """The two means (c,) whose sums the kernel makes, in float64."""
        self._totals[...] = 0
        self._run(kernel, *arrays, self._some, *self._totals)
        sums = self._totals.sum(axis=1).reshape(2, self._times, self._c).sum(axis=1)
        first, second = sums * self._share
        return first, second


def passes_over(x: Any, real: Any, ctx: Ctx) -> Passes:
    """Those over a batch x (n, ..., c), of which the places `real` (n, ..., 1) count, or all."""
    kernels = None if real is not None or not x.flags.c_contiguous else ctx.compiled("batch_norm", x.dtype)
    return Passes(x, real, ctx) if kernels is None else CompiledPasses(kernels, x, ctx)
