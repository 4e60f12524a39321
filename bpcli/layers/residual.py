from __future__ import annotations

from functools import cached_property
from math import prod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.initializers.glorot_uniform import GlorotUniform
from bpcli.layers.base import Layer, Shape, expanded
from bpcli.layers.sequential import Sequential
from bpcli.spec.base import Example, Many
from bpcli.spec.registry import Named


class Residual(Layer):
    """y = x + f(x), f the inner layers one after the other; with `projection`, y = x P + f(x).

    Backward: dx = dy + dy ∂f/∂x; with `projection`, dP = xᵀ dy and dx = dy Pᵀ + dy ∂f/∂x.
    Shapes: x (n, ..., c) -> y (n, ..., d); P (c, d), without bias. d = c unless `projection` is set.
    Source: He, Zhang, Ren and Sun, 2016.
    """

    type: Literal["residual"] = "residual"
    layers: Annotated[Many[Annotated[Layer, Named("layers")]], Field(min_length=1)]
    projection: bool = Field(
        default=False, description="whether x passes through a matrix of its own, to change its width"
    )

    masks: ClassVar[Literal["keep", "consume", "ignore"]] = "keep"
    examples: ClassVar = (
        Example({"layers": [{"type": "dense", "units": 3, "activation": "tanh"}]}, (3,)),
        Example(
            {"layers": [{"type": "dense", "units": 4, "activation": "tanh"}], "projection": True}, (2, 3)
        ),
        Example(
            {"layers": ["batch_norm", {"type": "residual", "layers": [{"type": "dense", "units": 3}]}]}, (3,)
        ),
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
        masked = (
            decl.plan.masked
        )  # x goes past the inner layers: what they do to a mask, the sum does not see
        output = self.body.build(shape, decl)
        decl.plan.masked = masked
        if not self.projection and output != shape:
            hint = (
                "projection: true fits the width" if shape[:-1] == output[:-1] else "let them keep the shape"
            )
            raise decl.error(
                f"the layers turn {shape} into {output}, which cannot be added to the input", hint
            )
        if self.projection:
            if not shape or shape[:-1] != output[:-1]:
                raise decl.error(
                    f"the layers turn {shape} into {output}; a projection only changes the last axis",
                    "let the layers keep all other axes",
                )
            if "P" in dict(self.body.steps):
                raise decl.error(
                    "a layer named 'P' is in the way of the projection", "choose another name", "layers"
                )
            fans = {"fan_in": shape[-1], "fan_out": output[-1]}
            decl.param("P", (shape[-1], output[-1]), GlorotUniform(), **fans)
        return output

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        f = self.body.forward(p, x, ctx)
        y = ctx.buf("y", f.shape, f.dtype)
        if not self.projection:
            return ctx.xp.add(x, f, out=y)
        flat = ctx.saved = x.reshape(-1, x.shape[-1])
        ctx.matmul(flat, p.P, y.reshape(-1, y.shape[-1]))
        y += f
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        df = self.body.backward(p, g, dy, ctx)
        flat_dy = dy.reshape(-1, dy.shape[-1])
        if self.projection:
            ctx.matmul(ctx.saved.T, flat_dy, g.P)
        if not ctx.need_dx:
            return None
        dx = ctx.buf("dx", df.shape, df.dtype)
        if not self.projection:
            return ctx.xp.add(dy, df, out=dx)
        ctx.matmul(flat_dy, p.P.T, dx.reshape(-1, dx.shape[-1]))
        dx += df
        return dx

    def flops(self, shape: Shape, output: Shape) -> int:
        return prod(output) + (2 * shape[-1] * prod(output) if self.projection else 0)
