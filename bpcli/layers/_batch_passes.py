"""The passes of batch_norm over a batch, a block of rows for each thread, in NumPy and compiled."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from bpcli.core.ctx import Ctx
from bpcli.core.rows import PASS, grid

#: Passes over the batch that are made at a time, about.
_PASSES = 3


class Passes:
    """Arrays (n, ..., c); what is (c,) belongs to the channels.

    A mean is the product of a row of weights with a block, added up in the blocks' order: up to five times as
    fast as a.mean(0), which adds row to row, and in float32 its error is smaller. What goes number by number
    takes whole lines of an image as rows: NumPy goes through an array by its last axis, and a few channels
    make that a short way.
    """

    def __init__(self, shape: tuple[int, ...], real: Any, dtype: Any, ctx: Ctx) -> None:
        """`real` (n, ..., 1): the places that count, or None for all."""
        self._xp, self._pool, self._real, self._c = ctx.xp, ctx.shared.pool, real, shape[-1]
        self.count = prod(shape[:-1]) if real is None else int(real.sum())
        self._blocks = grid(shape[0], _PASSES * PASS * prod(shape))
        self.times = shape[-2] if len(shape) > 2 else 1
        self._lines, self._places = (-1, self.times * self._c), prod(shape[1:-1])
        self._size, self._share = self._blocks[0].stop, 1.0 / max(self.count, 1)
        if real is None:
            self._weights = ctx.xp.full(self._size * self._places, self._share, dtype)
        else:
            self._weights = real.reshape(-1).astype(dtype) * self._share
        self._sums = ctx.buf("sums", (len(self._blocks), self._c), dtype)

    def mean(self, x: Any) -> Any:
        """The mean of each channel."""
        return self._mean(lambda rows: x[rows])

    def centre(self, x: Any, mean: Any, centred: Any, spare: Any) -> Any:
        """centred = x - mean, and its mean square."""
        line = self._along(mean)

        def squares(rows: slice) -> Any:
            here = centred[rows]
            self._xp.subtract(self._flat(x, rows), line, out=here.reshape(self._lines))
            return self._xp.multiply(here, here, out=spare[rows])

        return self._mean(squares)

    def subtract(self, x: Any, mean: Any, centred: Any) -> None:
        """centred = x - mean."""
        line = self._along(mean)
        self._each(lambda rows: self._xp.subtract(self._flat(x, rows), line, out=self._flat(centred, rows)))

    def scale(self, x: Any, slope: Any, shift: Any, y: Any) -> None:
        """y = slope x + shift; `shift` may be None."""
        slopes, shifts = self._along(slope), None if shift is None else self._along(shift)

        def block(rows: slice) -> None:
            out = self._flat(y, rows)
            self._xp.multiply(self._flat(x, rows), slopes, out=out)
            if shifts is not None:
                out += shifts

        self._each(block)

    def means(self, dy: Any, centred: Any, spare: Any) -> tuple[Any, Any]:
        """The means of dy and of dy centred."""
        multiply = self._xp.multiply
        of_both = self._mean(lambda rows: multiply(dy[rows], centred[rows], out=spare[rows]))
        return self._mean(lambda rows: dy[rows]), of_both

    def back(self, dy: Any, centred: Any, with_dy: Any, with_x: Any, slope: Any, dx: Any) -> None:
        """dx = slope (dy - with_dy - with_x centred), and 0 at places that do not count."""
        slopes, of_dy, of_x = self._along(slope), self._along(with_dy), self._along(with_x)

        def block(rows: slice) -> None:
            made = self._flat(dx, rows)
            self._xp.multiply(self._flat(centred, rows), of_x, out=made)
            made += of_dy
            self._xp.subtract(self._flat(dy, rows), made, out=made)
            made *= slopes
            if self._real is not None:
                dx[rows] *= self._real[rows]

        self._each(block)

    def _flat(self, a: Any, rows: slice) -> Any:
        return a[rows].reshape(self._lines)

    def _along(self, a: Any) -> Any:
        """A channel's numbers (c,) along a line."""
        return a if self.times == 1 else self._xp.tile(a, self.times)

    def _each(self, kernel: Callable[[slice], Any]) -> None:
        self._pool.run(kernel, self._blocks)

    def _mean(self, values: Callable[[slice], Any]) -> Any:
        """The mean (c,) of what `values` gives of each block, an array (rows, ..., c)."""

        def add(rows: slice) -> None:
            flat = values(rows).reshape(-1, self._c)
            start = 0 if self._real is None else rows.start * self._places
            self._weights[start : start + len(flat)].dot(flat, self._sums[rows.start // self._size])

        self._each(add)
        return self._sums[0].copy() if len(self._blocks) == 1 else self._sums.sum(axis=0)


class CompiledPasses(Passes):
    """The same with fewer passes over memory, where every place counts."""

    def __init__(self, kernels: Any, x: Any, ctx: Ctx) -> None:
        super().__init__(x.shape, None, x.dtype, ctx)
        self._kernels = kernels
        self._totals = ctx.buf("totals", (2, len(self._blocks), self.times * self._c), "float64")

    def centre(self, x: Any, mean: Any, centred: Any, spare: Any) -> Any:
        self._totals[...] = 0
        self._run("centre", self._whole(x), self._along(mean), self._whole(centred), self._totals[0])
        return self._by_channel(self._totals[0], x.dtype)

    def scale(self, x: Any, slope: Any, shift: Any, y: Any) -> None:
        shift = self._xp.zeros_like(slope) if shift is None else shift
        self._run("scale", self._whole(x), self._along(slope), self._along(shift), self._whole(y))

    def means(self, dy: Any, centred: Any, spare: Any) -> tuple[Any, Any]:
        self._totals[...] = 0
        self._run("add_up", self._whole(dy), self._whole(centred), *self._totals)
        of_dy, of_both = (self._by_channel(total, dy.dtype) for total in self._totals)
        return of_dy, of_both

    def back(self, dy: Any, centred: Any, with_dy: Any, with_x: Any, slope: Any, dx: Any) -> None:
        lines = self._along(with_dy), self._along(with_x), self._along(slope)
        self._run("back", self._whole(dy), self._whole(centred), *lines, self._whole(dx))

    def _whole(self, a: Any) -> Any:
        """As (n, lines, numbers of a line)."""
        return a.reshape(len(a), *self._lines)

    def _run(self, kernel: str, *arrays: Any) -> None:
        getattr(self._kernels, kernel)(self._pool, self._blocks, *arrays)

    def _by_channel(self, totals: Any, dtype: Any) -> Any:
        """Sums (blocks, line) as means (c,)."""
        sums = totals.sum(axis=0).reshape(self.times, self._c).sum(axis=0)
        return (sums * self._share).astype(dtype)


def passes_over(x: Any, real: Any, ctx: Ctx) -> Passes:
    """Those over a batch x (n, ..., c), of which the places `real` (n, ..., 1) count, or all."""
    kernels = None if real is not None else ctx.compiled("batch_norm", x.dtype)
    return Passes(x.shape, real, x.dtype, ctx) if kernels is None else CompiledPasses(kernels, x, ctx)
