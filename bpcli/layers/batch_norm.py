from __future__ import annotations

from math import prod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.initializers.ones import Ones
from bpcli.initializers.zeros import Zeros
from bpcli.layers._batch_passes import passes_over
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
        xp, training, y = ctx.xp, ctx.training and not p.frozen, ctx.buf("y", x.shape, x.dtype)
        real = None if ctx.mask is None else positions(ctx.mask, x.shape, xp).reshape(*x.shape[:-1], 1)
        passes = passes_over(x, real, ctx)
        if training:
            mean, var = passes.observe()
            self._observe(p, mean, var, passes.count, ctx)
        else:
            var = p.running_var
            passes.centre(p.running_mean)
        inverse = 1.0 / xp.sqrt(var + self.eps)
        passes.normalize(inverse * p.gamma if self.scale else inverse, p.beta if self.center else None, y)
        ctx.saved = inverse, training, passes
        return y

    def _observe(self, p: Tree, mean: Any, var: Any, m: int, ctx: Ctx) -> None:
        if m <= 1:
            return
        old, new = self.momentum, 1.0 - self.momentum
        ctx.update("running_mean", old * p.running_mean + new * mean)
        ctx.update("running_var", old * p.running_var + new * (m / (m - 1)) * var)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        inverse, training, passes = ctx.saved
        dx = ctx.buf("dx", dy.shape, dy.dtype)
        # x̂ = (x - μ)·inverse is never stored: `inverse` is put to the sums over a channel instead.
        with_dy, with_x = passes.means(dy)
        with_x = with_x * inverse
        if self.scale:
            g.gamma[...] = with_x * passes.count
        if self.center:
            g.beta[...] = with_dy * passes.count
        if not ctx.need_dx:
            return None
        slope = inverse * p.gamma if self.scale else inverse
        if training:
            passes.back(dy, with_dy, with_x * inverse, slope, dx)
        else:
            passes.scale(dy, slope, dx)
        return dx

    def flops(self, shape: Shape, output: Shape) -> int:
        return 4 * prod(output)
