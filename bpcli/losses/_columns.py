"""What the losses that compare column by column share."""

from __future__ import annotations

from typing import Any

from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.errors import BuildError


def difference(y: Any, t: Any, ctx: Ctx) -> Any:
    """y - t in a buffer of y's shape and dtype; class indices t (n,) are read as one-hot rows (n, k)."""
    e = ctx.buf("e", y.shape, y.dtype)
    if t.ndim == y.ndim:
        return ctx.xp.subtract(y, t, out=e)
    e[...] = y
    n, k = y.shape
    e.reshape(-1)[ctx.xp.arange(0, n * k, k) + t] -= 1
    return e


def row_mean(cells: Any) -> Any:
    """The mean (n,) over all axes but the first."""
    return cells.reshape(len(cells), -1).mean(axis=1)


def exponential(y: Any, xp: Any) -> tuple[Any, Any]:
    """(eʸ, its slope); beyond y = 50 both go on along the tangent there, so that no float32 overflows."""
    high = real(y) > 50.0
    slope = xp.exp(xp.where(high, 50.0, y).astype(y.dtype, copy=False))
    return slope * xp.where(high, y - 49.0, 1).astype(y.dtype, copy=False), slope


def refuse(name: str, target: Target, wrong: Any, what: str, hint: str) -> None:
    """BuildError where any training target is `wrong` (a mask over all of them)."""
    if count := int(wrong.sum()):
        where = ", ".join(target.columns[:3]) + (", …" if len(target.columns) > 3 else "")
        raise BuildError(
            f"{name} is not defined for {what} targets, and {where} has {count} in training", ("loss",), hint
        )
