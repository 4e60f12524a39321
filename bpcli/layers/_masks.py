"""Sequence masks (n, t), true where a step is real, laid over the arrays that they belong to."""

from __future__ import annotations

from typing import Any

from bpcli.core.ctx import Ctx


def positions(mask: Any, shape: tuple[int, ...], xp: Any) -> Any:
    """(n, m), true where a position between batch and channels of x (n, t, ..., c) belongs to a real step."""
    spread = mask.reshape(*mask.shape, *(1,) * (len(shape) - 3))
    return xp.broadcast_to(spread, shape[:-1]).reshape(shape[0], -1)


def blanked(a: Any, mask: Any, name: str, ctx: Ctx) -> Any:
    """a (n, t, ...) with 0 at the masked steps, in a buffer of that name; a itself where there is no mask."""
    if mask is None:
        return a
    out = ctx.buf(name, a.shape, a.dtype)
    out[...] = a
    hidden = ctx.xp.logical_not(mask).reshape(*mask.shape, *(1,) * (a.ndim - 2))
    ctx.xp.copyto(out, 0, where=hidden)
    return out


def met(masks: tuple[Any, ...], ctx: Ctx) -> Any:
    """The mask of what several masked sequences make together: a step is real where it is in each of them."""
    present: list[Any] = []
    for mask in masks:
        if mask is not None and not any(mask is other for other in present):
            present.append(mask)
    if len(present) < 2:
        return present[0] if present else None
    first, *others = present
    out = ctx.buf("mask", first.shape, bool)
    out[...] = first
    for other in others:
        ctx.xp.logical_and(out, other, out=out)
    return out
