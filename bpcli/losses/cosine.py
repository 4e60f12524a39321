from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.errors import BuildError
from bpcli.losses.base import Loss, column_means
from bpcli.spec.base import Example

_SHORTEST = 1e-8


class Cosine(Loss):
    """l = 1 - c, with c = y·t / (‖y‖ ‖t‖): 0 for the same direction, 2 for the opposite one.

    Backward: dl/dy = (c y/‖y‖ - t/‖t‖) / ‖y‖.
    Shapes: y and the target's values (n, d), d > 1. Only directions count: the predicted length is free. No
    length counts as less than 1e-8, as in PyTorch; Keras' loss is -c.
    Source: Salton, Wong and Yang, 1975.
    """

    type: Literal["cosine"] = "cosine"

    targets: ClassVar[tuple[str, ...]] = ("values",)
    gives_probabilities: ClassVar[bool] = False
    aliases: ClassVar = ("cosine_similarity",)
    examples: ClassVar = (Example({}, (3,)), Example({}, (5,)))

    def units(self, target: Target) -> int:
        if target.width < 2:
            raise BuildError(
                "cosine compares directions, and one target column has none", ("loss",), "use mse or mae"
            )
        return target.width

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        xp = ctx.xp
        t = t.astype(y.dtype, copy=False)
        t = t / _length(t, xp)[0]
        length, long = _length(y, xp)
        unit = xp.divide(y, length, out=ctx.buf("unit", y.shape, y.dtype))
        c = (unit * t).sum(axis=1, keepdims=True)
        losses = (1 - c)[:, 0]
        unit *= c * long  # where the length counts as 1e-8 it is constant
        dy = xp.subtract(unit, t, out=ctx.buf("dy", y.shape, y.dtype))
        dy /= length
        return losses, dy

    def baseline(self, target: Target) -> list[float]:
        return column_means(target)


def _length(y: Any, xp: Any) -> tuple[Any, Any]:
    """(‖y‖, at least 1e-8; whether it is longer), each (n, 1)."""
    square = (y * y).sum(axis=1, keepdims=True)
    long = real(square) > _SHORTEST**2
    return xp.where(long, xp.sqrt(xp.where(long, square, 1)), _SHORTEST).astype(y.dtype, copy=False), long
