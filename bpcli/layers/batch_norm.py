from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from bpcli.core.ctx import Ctx
from bpcli.core.rows import PASS, grid
from bpcli.core.store import Decl, Tree
from bpcli.initializers.ones import Ones
from bpcli.initializers.zeros import Zeros
from bpcli.layers._masks import positions
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example

#: Passes over the batch that are made at a time, about.
_PASSES = 3


class BatchNorm(Layer):
    """y = γ x̂ + β, x̂ = (x - μ) / √(σ² + eps), with mean μ and variance σ² of each channel over the batch.

    Backward: dγ = Σ dy x̂, dβ = Σ dy, dx = γ / √(σ² + eps) (dy - mean(dy) - x̂ mean(dy x̂)).
    Shapes: x (n, ..., c) -> y (n, ..., c); γ, β and the running statistics (c,). All axes but the last
    are averaged over; of masked sequences, the real steps alone.
    Evaluation uses running statistics instead, and there dx = γ dy / √(σ² + eps). Each training step moves
    them by running = momentum·running + (1 - momentum)·batch: momentum as in Keras (PyTorch's is one minus
    it). The running variance takes the unbiased estimate, m / (m - 1) times that of the batch, as in
    PyTorch; one value a channel has no such estimate and leaves the running statistics alone. A frozen layer
    (`optimizer.groups`) uses its running statistics in training too and leaves them as they are, as in Keras.
    Source: Ioffe and Szegedy, 2015.
    """

    type: Literal["batch_norm"] = "batch_norm"
    momentum: Annotated[
        float, Field(ge=0, lt=1, description="how much of the old running statistics is kept")
    ] = 0.9
    eps: PositiveFloat = Field(default=1e-5, description="added to the variance")
    scale: bool = Field(default=True, description="whether γ is learnt; otherwise it is 1")
    center: bool = Field(default=True, description="whether β is learnt; otherwise it is 0")

    row_wise: ClassVar[bool] = False
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    examples: ClassVar = (
        Example({}, (3,)),
        Example({"momentum": 0.5, "eps": 0.01}, (2, 2, 3)),
        Example({"scale": False, "center": False}, (4,)),
    )

    def build(self, shape: Shape, decl: Decl) -> Shape:
        if not shape:
            raise decl.error("batch_norm needs at least one channel", "put a layer with features before it")
        channels = (shape[-1],)
        if self.scale:
            decl.param("gamma", channels, Ones(), decay=False)
        if self.center:
            decl.param("beta", channels, Zeros(), decay=False)
        decl.state("running_mean", channels, 0.0)
        decl.state("running_var", channels, 1.0)
        return shape

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        xp, training = ctx.xp, ctx.training and not p.frozen
        centred, y = ctx.buf("centred", x.shape, x.dtype), ctx.buf("y", x.shape, x.dtype)
        lines, along = _in_lines(x.shape, xp)
        real = None if ctx.mask is None else positions(ctx.mask, x.shape, xp).reshape(*x.shape[:-1], 1)
        batch = _Batch(x.shape, real, x.dtype, ctx)
        if training:
            mean = batch.mean(lambda rows: x[rows])
            line = along(mean)

            def squares(rows: slice) -> Any:
                here = centred[rows]
                xp.subtract(x[rows].reshape(lines), line, out=here.reshape(lines))
                return xp.multiply(here, here, out=y[rows])

            var = batch.mean(squares)
            self._observe(p, mean, var, batch.count, ctx)
        else:
            mean, var = p.running_mean, p.running_var
        inverse = 1.0 / xp.sqrt(var + self.eps)
        slope = along(inverse * p.gamma if self.scale else inverse)
        shift, line = along(p.beta) if self.center else None, along(mean)

        def scale(rows: slice) -> None:
            here, out = centred[rows].reshape(lines), y[rows].reshape(lines)
            if not training:
                xp.subtract(x[rows].reshape(lines), line, out=here)
            xp.multiply(here, slope, out=out)
            if shift is not None:
                out += shift

        batch.each(scale)
        ctx.saved = centred, inverse, training, batch
        return y

    def _observe(self, p: Tree, mean: Any, var: Any, m: int, ctx: Ctx) -> None:
        if m <= 1:
            return
        old, new = self.momentum, 1.0 - self.momentum
        ctx.update("running_mean", old * p.running_mean + new * mean)
        ctx.update("running_var", old * p.running_var + new * (m / (m - 1)) * var)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        centred, inverse, training, batch = ctx.saved
        dx = ctx.buf("dx", dy.shape, dy.dtype)
        # x̂ = centred·inverse is never stored: `inverse` is put to the sums over a channel instead.
        with_dy = batch.mean(lambda rows: dy[rows])
        with_x = batch.mean(lambda rows: xp.multiply(dy[rows], centred[rows], out=dx[rows])) * inverse
        if self.scale:
            g.gamma[...] = with_x * batch.count
        if self.center:
            g.beta[...] = with_dy * batch.count
        if not ctx.need_dx:
            return None
        lines, along = _in_lines(dy.shape, xp)
        slope = along(inverse * p.gamma if self.scale else inverse)
        of_x, of_dy = along(with_x * inverse), along(with_dy)

        def back(rows: slice) -> None:
            given, made = dy[rows].reshape(lines), dx[rows].reshape(lines)
            if not training:
                xp.multiply(given, slope, out=made)
                return
            xp.multiply(centred[rows].reshape(lines), of_x, out=made)
            made += of_dy
            xp.subtract(given, made, out=made)
            made *= slope
            if batch.real is not None:
                dx[rows] *= batch.real[rows]

        batch.each(back)
        return dx

    def flops(self, shape: Shape, output: Shape) -> int:
        return 4 * prod(output)


def _in_lines(shape: tuple[int, ...], xp: Any) -> tuple[tuple[int, int], Callable[[Any], Any]]:
    """The shape in which whole lines of an image are rows, and a channel's numbers (c,) along such a row.

    NumPy goes through an array by its last axis, and a few channels make that a short way.
    """
    *before, c = shape
    times = before[-1] if len(before) > 1 else 1
    return (-1, times * c), (lambda a: a) if times == 1 else (lambda a: xp.tile(a, times))


class _Batch:
    """A batch in blocks of rows, for all threads, and means over it.

    A mean is the product of a row of weights with a block, added up in the blocks' order: up to five times as
    fast as a.mean(0), which adds row to row, and in float32 its error is smaller.
    """

    def __init__(self, shape: tuple[int, ...], real: Any, dtype: Any, ctx: Ctx) -> None:
        """`real` (n, ..., 1): the places that count, or None for all."""
        self.real, self._shape, self._ctx = real, shape, ctx
        self.count = prod(shape[:-1]) if real is None else int(real.sum())
        self._blocks = grid(shape[0], _PASSES * PASS * prod(shape))
        share, places = 1.0 / max(self.count, 1), self._blocks[0].stop * prod(shape[1:-1])
        if real is None:
            self._weights = ctx.xp.full(places, share, dtype)
        else:
            self._weights = real.reshape(-1).astype(dtype) * share
        self._sums = ctx.buf("sums", (len(self._blocks), shape[-1]), dtype)

    def each(self, kernel: Callable[[slice], Any]) -> None:
        """Calls kernel(rows) for every block."""
        self._ctx.shared.pool.run(kernel, self._blocks)

    def mean(self, values: Callable[[slice], Any]) -> Any:
        """The mean (c,) of what `values` gives of each block, an array (rows, ..., c)."""
        c, size = self._shape[-1], self._blocks[0].stop
        places = prod(self._shape[1:-1])

        def add(rows: slice) -> None:
            flat = values(rows).reshape(-1, c)
            start = 0 if self.real is None else rows.start * places
            self._weights[start : start + len(flat)].dot(flat, self._sums[rows.start // size])

        self.each(add)
        return self._sums[0].copy() if len(self._blocks) == 1 else self._sums.sum(axis=0)
