"""The position of each step of a sequence, for the layers that add something for it."""

from __future__ import annotations

from typing import Any

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl
from bpcli.layers._decoding import goes_on
from bpcli.layers.base import Layer, Shape


def check_sequence(layer: Layer, shape: Shape, decl: Decl) -> None:
    if len(shape) != 2:
        raise decl.error(
            f"{layer.type} takes a sequence of vectors (steps, features), and gets {shape}",
            "of symbols, an embedding makes vectors",
        )


def positions(x: Any, ctx: Ctx) -> Any:
    """(t,) where all rows are alike, else (n, t): steps are counted from 0, and padding is not counted.

    So a sequence means the same wherever its padding stands. Padding has the position of the step before it,
    or 0. While decoding, the count goes on from the pieces before.
    """
    xp, (n, t) = ctx.xp, x.shape[:2]
    decoding = ctx.shared.decoding is not None
    if ctx.mask is None and not decoding:
        return xp.arange(t)
    real = xp.ones((n, t), bool) if ctx.mask is None else ctx.mask
    counted = xp.cumsum(real, axis=1, dtype=xp.int64, out=ctx.buf("counted", (n, t), xp.int64))
    if decoding:
        goes_on(x, ctx)
        before = ctx.buf("before", (n,), xp.int64)
        if not ctx.shared.decoding:
            before[...] = 0
        counted += before[:, None]
        before[...] = counted[:, -1]
    counted -= 1
    return xp.maximum(counted, 0, out=counted)
