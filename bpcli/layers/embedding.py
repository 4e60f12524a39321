from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.errors import DataError
from bpcli.initializers.base import Initializer
from bpcli.layers._lookup import Lookup, sum_rows
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example
from bpcli.spec.registry import Named

#: How far from a whole number a symbol's number may be: rounding, and the steps of a gradient check.
_NEAR = 1e-3


class Embedding(Layer):
    """y = W[x], the row of W for each symbol x: a vector for each word, character or category.

    Backward: dW[k] = Σ dy over the places where x = k; dx = 0, for a symbol's number is only a name.
    Shapes: x (n, ...) -> y (n, ..., units); W (symbols, units). x holds whole numbers from 0 to symbols - 1,
    in any dtype; any other is an error. With `mask_zero` symbol 0 is padding: its steps are masked.
    Source: Bengio, Ducharme, Vincent and Jauvin, 2003.
    """

    type: Literal["embedding"] = "embedding"
    symbols: PositiveInt | Literal["auto"] = Field(
        default="auto",
        description="how many there are, numbered from 0; auto: those of the data's vocabulary",
    )
    units: PositiveInt = Field(description="the width of each symbol's vector")
    mask_zero: bool | None = Field(
        default=None,
        description="whether symbol 0 is padding, which later layers leave out; say so where there is",
    )
    init: Annotated[Initializer, Named("initializers")] = Field(default="uniform", validate_default=True)  # pyright: ignore[reportAssignmentType]
    l1: NonNegativeFloat = Field(default=0.0, description="adds l1·Σ|W| to the training loss")
    l2: NonNegativeFloat = Field(default=0.0, description="adds ½·l2·ΣW² to the training loss")

    examples: ClassVar = (
        Example({"symbols": 5, "units": 3}, (4,)),
        Example({"symbols": 300, "units": 2, "mask_zero": True, "l2": 0.1}, (6,)),
        Example({"symbols": 4, "units": 2}, (2, 3)),
    )

    by_pieces: ClassVar[bool] = True
    takes_symbols: ClassVar[bool] = True

    @property
    def masks(self) -> Literal["keep", "make"]:
        return "make" if self.mask_zero else "keep"

    def build(self, shape: Shape, decl: Decl) -> Shape:
        if self.mask_zero and len(shape) != 1:
            raise decl.error(
                f"a mask is for sequences of symbols, (steps,), and {shape} comes in", None, "mask_zero"
            )
        if self.mask_zero is None and decl.plan.padded:
            raise decl.error(
                "the texts differ in length, and shorter ones are filled up with symbol 0",
                "mask_zero: true lets later layers leave it out; false lets them read it as a symbol",
                "mask_zero",
            )
        known = decl.plan.symbols
        count = known if self.symbols == "auto" else self.symbols
        if not count:
            raise decl.error(
                "the data has no symbols whose vocabulary could say how many there are",
                "say how many: symbols: 1000",
                "symbols",
            )
        if count < known:
            raise decl.error(f"the data has {known} symbols, more than {count}", "leave it out", "symbols")
        decl.param(
            "W", (count, self.units), self.init, fan_in=count, fan_out=self.units, l1=self.l1, l2=self.l2
        )
        return (*shape, self.units)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        xp = ctx.xp
        ids = self._ids(x, len(p.W), ctx)
        if self.mask_zero:
            some = xp.not_equal(ids, 0, out=ctx.buf("mask", ids.shape, bool))
            ctx.mask = some if ctx.mask is None else xp.logical_and(some, ctx.mask, out=some)
        ctx.saved = ids, ctx.lazy
        if ctx.lazy:
            return Lookup(p.W, ids)
        y = ctx.buf("y", (*x.shape, self.units), p.W.dtype)
        return ctx.shared.backend.take_rows(p.W, ids, y)

    def _ids(self, x: Any, count: int, ctx: Ctx) -> Any:
        """x as whole numbers (n, ...) int64; DataError for what is none of a symbol."""
        xp, given = ctx.xp, real(x)
        ids = ctx.buf("ids", x.shape, xp.int64)
        nearest = xp.rint(given)
        wrong = ~((nearest >= 0) & (nearest < count) & (xp.abs(given - nearest) <= _NEAR))  # NaN too
        if wrong.any():
            raise self._refusal(float(given[wrong][0]), count, ctx)
        ids[...] = nearest
        return ids

    def _refusal(self, value: float, count: int, ctx: Ctx) -> DataError:
        place = ".".join(ctx.path[1:]) or self.type
        if not value.is_integer():
            message = f"{place} takes the numbers of symbols, which are whole, and gets {value:g}"
            return DataError(message, hint="feed it the numbers as they are, neither scaled nor filled in")
        message = f"{place} has {count} symbols, 0 to {count - 1}, and gets {value:.0f}"
        enough = f"set symbols: {value + 1:.0f} or more, or look where that number comes from"
        return DataError(message, hint="number the symbols from 0" if value < 0 else enough)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        ids, lazy = ctx.saved
        if lazy:
            g.W[...] = dy
        else:
            sum_rows(dy.reshape(-1, self.units), ids.reshape(-1), g.W, ctx)
        if not ctx.need_dx:
            return None
        dx = ctx.buf("dx", ids.shape, dy.dtype)
        dx[...] = 0
        return dx

    def flops(self, shape: Shape, output: Shape) -> int:
        return 0
