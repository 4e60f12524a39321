from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.initializers.ones import Ones
from bpcli.initializers.zeros import Zeros
from bpcli.layers._masks import positions
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


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
        flat = x.reshape(-1, x.shape[-1])  # (m, c)
        centred = ctx.buf("centred", flat.shape, x.dtype)
        y = ctx.buf("y", x.shape, x.dtype)
        flat_y = y.reshape(flat.shape)
        lines, along = _in_lines(x.shape, xp)
        real = None if ctx.mask is None else positions(ctx.mask, x.shape, xp).reshape(-1, 1)
        if training:
            weights, m = _weights(flat, real, xp)
            mean = (weights @ flat)[0]
            xp.subtract(x.reshape(lines), along(mean), out=centred.reshape(lines))
            if real is not None:
                centred *= real
            var = (weights @ xp.multiply(centred, centred, out=flat_y))[0]
            self._observe(p, mean, var, m, ctx)
        else:
            xp.subtract(x.reshape(lines), along(p.running_mean), out=centred.reshape(lines))
            var = p.running_var
        inverse = 1.0 / xp.sqrt(var + self.eps)
        y_lines, slope = y.reshape(lines), inverse * p.gamma if self.scale else inverse
        xp.multiply(centred.reshape(lines), along(slope), out=y_lines)
        if self.center:
            y_lines += along(p.beta)
        ctx.saved = centred, inverse, training, real
        return y

    def _observe(self, p: Tree, mean: Any, var: Any, m: int, ctx: Ctx) -> None:
        if m <= 1:
            return
        old, new = self.momentum, 1.0 - self.momentum
        ctx.update("running_mean", old * p.running_mean + new * mean)
        ctx.update("running_var", old * p.running_var + new * (m / (m - 1)) * var)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        centred, inverse, training, real = ctx.saved
        flat = dy.reshape(centred.shape)
        dx = ctx.buf("dx", dy.shape, dy.dtype)
        flat_dx = dx.reshape(centred.shape)
        # x̂ = centred·inverse is never stored: `inverse` is put to the sums over a channel instead.
        weights, m = _weights(flat, real, xp)
        with_dy = (weights @ flat)[0]
        with_x = (weights @ xp.multiply(flat, centred, out=flat_dx))[0] * inverse
        if self.scale:
            g.gamma[...] = with_x * m
        if self.center:
            g.beta[...] = with_dy * m
        if not ctx.need_dx:
            return None
        lines, along = _in_lines(dy.shape, xp)
        slope, dx_lines = along(inverse * p.gamma if self.scale else inverse), dx.reshape(lines)
        if not training:
            xp.multiply(dy.reshape(lines), slope, out=dx_lines)
            return dx
        xp.multiply(centred.reshape(lines), along(with_x * inverse), out=dx_lines)
        dx_lines += along(with_dy)
        xp.subtract(dy.reshape(lines), dx_lines, out=dx_lines)
        dx_lines *= slope
        if real is not None:
            flat_dx *= real
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


def _weights(a: Any, real: Any, xp: Any) -> tuple[Any, int]:
    """(1, rows): a product with it gives the mean of each column of a (rows, c) over the real ones; and their
    count. It is up to five times as fast as a.mean(0), which adds row to row, and in float32 its error is
    smaller, since BLAS adds in blocks."""
    if real is None:
        return xp.full((1, len(a)), 1.0 / len(a), a.dtype), len(a)
    m = int(real.sum())
    return real.T.astype(a.dtype) / max(m, 1), m
