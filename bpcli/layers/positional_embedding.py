from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from bpcli.core.cplx import is_complex
from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.errors import DataError
from bpcli.initializers.base import Initializer
from bpcli.layers._positions import check_sequence, positions
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example
from bpcli.spec.registry import Named


class PositionalEmbedding(Layer):
    """y = x + P[t], a vector for each position, learnt like all weights.

    Backward: dP[t] = Σ dy over the steps at position t, dx = dy.
    Shapes: x (n, t, c) -> y (n, t, c), t <= steps; P (steps, c). t counts from 0; masked steps do not count,
    so it does not matter where the padding stands. In sequences that are generated the count goes on.
    DataError for a sequence longer than `steps`, of whose end nothing was learnt.
    Source: Gehring, Auli, Grangier, Yarats and Dauphin, 2017.
    """

    type: Literal["positional_embedding"] = "positional_embedding"
    steps: PositiveInt = Field(description="the longest sequence, padding not counted")
    init: Annotated[Initializer, Named("initializers")] = Field(
        default={"type": "normal", "std": 0.02}, validate_default=True
    )  # pyright: ignore[reportAssignmentType]

    by_pieces: ClassVar[bool] = True
    counts_steps: ClassVar[bool] = True
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    examples: ClassVar = (Example({"steps": 4}, (4, 3)), Example({"steps": 6, "init": "zeros"}, (2, 1)))

    def build(self, shape: Shape, decl: Decl) -> Shape:
        check_sequence(self, shape, decl)
        if shape[0] > self.steps and not decl.plan.masked:
            raise decl.error(
                f"sequences of {shape[0]} steps come in, and positions are learnt for {self.steps}",
                f"set steps: {shape[0]} or more; positional_encoding has no bound",
                "steps",
            )
        decl.param("P", (self.steps, shape[1]), self.init, fan_in=self.steps, fan_out=shape[1])
        return shape

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        xp, at = ctx.xp, positions(x, ctx)
        if (ctx.shared.decoding or 0) + x.shape[1] > self.steps:  # at most; whether so, the positions say
            longest = int(at.max()) + 1
            if longest > self.steps:
                raise DataError(
                    f"a sequence of {longest} steps reaches {'.'.join(ctx.path) or self.type}, which has "
                    f"learnt the positions of {self.steps}",
                    hint=f"shorten it, or train with steps: {longest}; positional_encoding has no bound",
                )
        y = ctx.buf("y", x.shape, x.dtype)
        if at.ndim == 1:
            xp.add(x, p.P[: len(at)], out=y)
        else:
            xp.take(p.P, at, axis=0, out=y)
            y += x
        if ctx.shared.decoding is None:
            ctx.saved = at
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        at, xp = ctx.saved, ctx.xp
        if at.ndim == 1:
            dy.sum(axis=0, out=g.P[: len(at)])
            g.P[len(at) :] = 0
        else:
            g.P[...] = _gathered(dy.real, at, g.P.shape, xp)
            if is_complex(dy):
                g.P[...] += 1j * _gathered(dy.imag, at, g.P.shape, xp)
        return dy if ctx.need_dx else None


def _gathered(dy: Any, at: Any, shape: tuple[int, ...], xp: Any) -> Any:
    """Row k of (steps, c): the sum of dy over the places that are at position k, in float64."""
    steps, c = shape
    cells = at[..., None] * c + xp.arange(c)
    return xp.bincount(cells.ravel(), weights=dy.ravel(), minlength=steps * c).reshape(shape)
