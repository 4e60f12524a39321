"""Scratch arrays of the kernels that go over tiles of windows."""

from __future__ import annotations

from typing import Any

from bpcli.core.ctx import Ctx

#: Numbers in all partial sums of a weight gradient at most; with larger weights there are fewer blocks.
PARTIAL = 1 << 22


def per_thread(ctx: Ctx, name: str, size: int, dtype: Any) -> list[Any]:
    """A flat array for each thread; a block pops one and puts it back, both atomic under the lock."""
    return list(ctx.buf(name, (ctx.shared.pool.threads, size), dtype))


def repeated(b: Any, across: int, ctx: Ctx) -> Any:
    """b (filters,) for each window of a line, so that it is added in long runs."""
    line = ctx.buf("b", (across, *b.shape), b.dtype)
    line[...] = b
    return line
