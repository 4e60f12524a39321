"""Activations number by number in one compiled pass, where there is one and all arrays lie in one piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bpcli.core.ctx import Ctx


def compiled(name: str, ctx: Ctx, *arrays: Any) -> bool:
    """Whether the kernel of this name in core/compiled/elementwise.py has done it, writing the last array."""
    kernels = ctx.compiled("elementwise", arrays[-1].dtype)
    if kernels is None:
        return False
    for array in arrays:
        if not array.flags.c_contiguous:
            return False
    getattr(kernels, name)(*[array.reshape(-1) for array in arrays])
    return True
