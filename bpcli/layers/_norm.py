"""Sums over rows and columns as the norms need them, and the γ and β they share."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from bpcli.core.store import Decl
from bpcli.initializers.ones import Ones
from bpcli.layers.base import Layer, Shape


class RowNorm(Layer):
    """Normalises each row over its last axes, by itself."""

    axes: PositiveInt = Field(default=1, description="how many of the last axes are normalised together")
    eps: PositiveFloat = Field(default=1e-5, description="added under the root")
    scale: bool = Field(default=True, description="whether γ is learnt; otherwise it is 1")

    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    by_pieces: ClassVar[bool] = True

    def build(self, shape: Shape, decl: Decl) -> Shape:
        if len(shape) < self.axes:
            raise decl.error(
                f"{self.type} over {self.axes} axes needs as many, and gets {shape}", None, "axes"
            )
        if decl.plan.masked and len(shape) == self.axes:
            raise decl.error(
                f"{self.type} over {self.axes} axes would take masked steps in", "let axes be fewer", "axes"
            )
        own = shape[-self.axes :]
        if prod(own) < 2:
            raise decl.error(f"{self.type} would normalise each number by itself, of {shape}", "remove it")
        if self.scale:
            decl.param("gamma", own, Ones(), decay=False)
        return shape

    def rows(self, x: Any) -> Any:
        """x as a matrix: one row for each group of numbers that is normalised together."""
        return x.reshape(-1, prod(x.shape[-self.axes :]))

    def weights(self, p: Any, width: int, dtype: Any, xp: Any) -> Any:
        """γ as a vector; ones where it is not learnt."""
        return p.gamma.reshape(-1) if self.scale else xp.ones(width, dtype)

    def flops(self, shape: Shape, output: Shape) -> int:
        return 4 * prod(output)


def row_means(a: Any, xp: Any) -> Any:
    """The mean of each row of a (m, c), as a column: a matrix product is much faster than a.mean(1)."""
    return (a @ xp.full(a.shape[1], 1.0 / a.shape[1], a.dtype))[:, None]


def column_sums(a: Any, xp: Any) -> Any:
    """The sum of each column of a (m, c), as a matrix product for the reasons that batch_norm gives."""
    return (xp.ones((1, len(a)), a.dtype) @ a)[0]
