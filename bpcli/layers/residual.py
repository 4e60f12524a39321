from __future__ import annotations

from functools import cached_property
from math import prod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bpcli.core.ctx import Ctx
from bpcli.core.rows import PASS
from bpcli.core.store import Decl, Tree
from bpcli.core.windows import Axes, Axis
from bpcli.initializers.glorot_uniform import GlorotUniform
from bpcli.layers._conv import correlate, input_gradient, weight_gradient
from bpcli.layers.base import Layer, Shape, expanded
from bpcli.layers.sequential import Sequential
from bpcli.spec.base import Example, Many
from bpcli.spec.registry import Named

_KEEP = "let the layers keep the shape: convolutions with padding: same, and no flatten"


class Residual(Layer):
    """y = x + f(x), f the inner layers one after the other; with `projection`, y = x[::s] P + f(x).

    Backward: dx = dy + dy ∂f/∂x; with `projection`, dP = x[::s]ᵀ dy, and dy Pᵀ goes to the dx of x[::s].
    With `drop`, training takes m f(x) / (1 - drop) in place of f(x), and m dy / (1 - drop) goes back through
    f; m is 0 with probability `drop` for a whole example, else 1. Evaluation takes f(x) as it is.
    Shapes: x (n, ..., c) -> y (n, ..., d); P (c, d), without bias. Without `projection`, f keeps the shape.
    With it f may change the channels, and lower the axes between by strides: P is a 1×1 convolution with the
    smallest stride s of each axis that gives f's size, ⌈h / s⌉ = u (s = 1 where f keeps it).
    Source: He, Zhang, Ren and Sun, 2016; stochastic depth: Huang, Sun, Liu, Sedra and Weinberger, 2016, who
    drop f for a whole batch, and scale it by 1 - drop in evaluation instead of by the inverse in training.
    """

    type: Literal["residual"] = "residual"
    layers: Annotated[Many[Annotated[Layer, Named("layers")]], Field(min_length=1)]
    projection: bool = Field(
        default=False,
        description="whether x passes through a 1×1 convolution of its own, to fit f's width and strides",
    )
    drop: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="stochastic depth: the share of the examples that do without f in training"
    )

    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    by_pieces: ClassVar[bool] = True
    examples: ClassVar = (
        Example({"layers": [{"type": "dense", "units": 3, "activation": "tanh"}]}, (3,)),
        Example(
            {"layers": [{"type": "dense", "units": 4, "activation": "tanh"}], "projection": True}, (2, 3)
        ),
        Example(
            {"layers": ["batch_norm", {"type": "residual", "layers": [{"type": "dense", "units": 3}]}]}, (3,)
        ),
        Example(
            {
                "layers": [
                    {"type": "conv2d", "filters": 3, "kernel": 3, "stride": [2, 1], "padding": 1},
                    {"type": "activation", "function": "tanh"},
                ],
                "projection": True,
            },
            (5, 3, 2),
        ),
        Example({"layers": [{"type": "dense", "units": 2, "activation": "tanh"}], "drop": 0.4}, (2,)),
        Example({"layers": [{"type": "dense", "units": 2}], "projection": True, "drop": 0.5}, (2, 3)),
    )

    @cached_property
    def body(self) -> Sequential:
        return Sequential(layers=self.layers)

    @property
    def row_wise(self) -> bool:
        return all(layer.row_wise for layer in self.layers)

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return self.body.steps

    def expand(self) -> Layer:
        return self.replace(layers=expanded(self.layers))

    def build(self, shape: Shape, decl: Decl) -> Shape:
        masked = decl.plan.masked  # x goes past the layers: what they do to a mask, the sum does not see
        output = self.body.build(shape, decl)
        decl.plan.masked = masked
        fits = strides(shape, output) is not None
        if not self.projection and output != shape:
            raise decl.error(
                f"the layers turn {shape} into {output}, which cannot be added to the input",
                "projection: true fits it to them" if fits else _KEEP,
            )
        if self.projection:
            if not fits:
                raise decl.error(
                    f"the layers turn {shape} into {output}; a projection changes the last axis, and lowers "
                    "the others by strides only",
                    _KEEP,
                )
            if "P" in dict(self.body.steps):
                raise decl.error(
                    "a layer named 'P' is in the way of the projection", "choose another name", "layers"
                )
            fans = {"fan_in": shape[-1], "fan_out": output[-1]}
            decl.param("P", (shape[-1], output[-1]), GlorotUniform(), **fans)
        return output

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        mask = ctx.mask
        f = self.body.forward(p, x, ctx)
        ctx.mask = mask
        y = ctx.buf("y", f.shape, f.dtype)
        m = self._draw(f, ctx)
        if m is not None:
            f = ctx.xp.multiply(f, m, out=ctx.buf("f", f.shape, f.dtype))
        if not self.projection:
            ctx.saved = None, None, m
            return _sum(x, f, y, ctx)
        axes = _axes(x, f)
        ctx.saved = x, axes, m
        correlate(_image(x), p.P[None], None, _image(y), axes, ctx.child("projection"))
        return _sum(y, f, y, ctx)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        x, axes, m = ctx.saved
        through_f = dy if m is None else ctx.xp.multiply(dy, m, out=ctx.buf("df", dy.shape, dy.dtype))
        df = self.body.backward(p, g, through_f, ctx)
        if not self.projection:
            if not ctx.need_dx:
                return None
            return _sum(dy, df, ctx.buf("dx", df.shape, df.dtype), ctx)
        inner, image_dy = ctx.child("projection"), _image(dy)
        weight_gradient(_image(x), image_dy, g.P[None, None], None, 1, axes, inner)
        if not ctx.need_dx:
            return None
        dx = ctx.buf("dx", df.shape, df.dtype)
        input_gradient(image_dy, p.P[None, None], 1, _image(dx), axes, inner.child("dx"))
        return _sum(dx, df, dx, ctx)

    def _draw(self, f: Any, ctx: Ctx) -> Any:
        """m / (1 - drop), a number for each example of f, or None where nothing is dropped."""
        if not ctx.training or not self.drop:
            return None
        kept = ctx.shared.backend.asarray(ctx.rng("drop").random(len(f)) >= self.drop)
        m = ctx.buf("m", (len(f), *(1,) * (f.ndim - 1)), f.dtype)
        return ctx.xp.multiply(kept.reshape(m.shape), m.dtype.type(1.0 / (1.0 - self.drop)), out=m)

    def flops(self, shape: Shape, output: Shape) -> int:
        return prod(output) + (2 * shape[-1] * prod(output) if self.projection else 0)


def _sum(a: Any, b: Any, out: Any, ctx: Ctx) -> Any:
    if not ctx.by_kernel("add", a, b, out):
        ctx.rows(len(a), PASS * a.size, lambda rows: ctx.xp.add(a[rows], b[rows], out=out[rows]))
    return out


def strides(shape: Shape, output: Shape) -> tuple[int, ...] | None:
    """The smallest stride of each axis but the last that leads from one shape to the other, or None.

    Of more than two such axes, none may be lowered.
    """
    if not shape or len(shape) != len(output) or not all(output):
        return None
    found = tuple(-(-before // after) for before, after in zip(shape[:-1], output[:-1], strict=True))
    if len(found) > 2 and any(stride > 1 for stride in found):
        return None
    fits = all(
        -(-before // stride) == after
        for before, after, stride in zip(shape[:-1], output[:-1], found, strict=True)
    )
    return found if fits else None


def _image(a: Any) -> Any:
    """a (n, ..., c) as images (n, h, w, c): of what has no two axes between, or more, they are one line."""
    return a if a.ndim == 4 else a.reshape(len(a), 1, -1, a.shape[-1])


def _axes(x: Any, f: Any) -> Axes:
    """Where the 1×1 convolution lies on x as images."""
    between = strides(x.shape[1:], f.shape[1:])
    assert between is not None
    down, across = between if len(between) == 2 else (1, *between) if len(between) == 1 else (1, 1)
    _, h, w, _ = _image(x).shape
    return Axis(h, 1, down), Axis(w, 1, across)
