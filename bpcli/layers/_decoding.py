"""What a layer remembers of the steps before, where sequences are fed piece by piece: see Pass.decoding."""

from __future__ import annotations

from typing import Any

from bpcli.core.ctx import Ctx

#: Steps for which there is room at first; after that as many again, whenever it is full.
_ROOM = 64


def goes_on(x: Any, ctx: Ctx) -> None:
    """Notes on ctx.saved that x (n, t, ...) came in. ValueError where these rows and steps do not follow."""
    seen = ctx.shared.decoding
    if seen is None:
        return
    n, t = x.shape[:2]
    if seen and ctx.saved != (n, seen):
        raise ValueError(
            f"decoding goes on with {n} rows after {seen} steps, but {'.'.join(ctx.path) or 'this layer'} "
            f"remembers (rows, steps) = {ctx.saved}"
        )
    ctx.saved = (n, seen + t)


def remembered(name: str, new: Any, ctx: Ctx) -> Any:
    """new (n, t, ...) after what came before it under this name: (n, seen + t, ...), a view of one buffer."""
    seen = ctx.shared.decoding
    if seen is None:
        return new
    (n, t), rest = new.shape[:2], new.shape[2:]
    before, after = _room(seen), _room(seen + t)
    held = ctx.buf(name, (n, before, *rest), new.dtype)
    if after > before:
        old, held = held, ctx.buf(name, (n, after, *rest), new.dtype)
        held[:, :seen] = old[:, :seen]
    if (order := ctx.shared.reorder) is not None:
        held[:, :seen] = held[order, :seen]
    held[:, seen : seen + t] = new
    return held[:, : seen + t]


def _room(steps: int) -> int:
    return _ROOM << max(0, -(-steps // _ROOM) - 1).bit_length()
