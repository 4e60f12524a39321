"""The steps of a sequence in one compiled kernel for each block of rows, so that the threads never meet.

The kernels know neither masks nor dropout: with those the layers go their NumPy way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpcli.core.ctx import Ctx
from bpcli.layers._scan import Scan, scratch

if TYPE_CHECKING:
    from bpcli.layers._recurrent import Recurrent


#: A block has so many numbers in a state; fewer than where every step takes the interpreter.
NUMBERS = 2048


def compiled_steps(layer: Recurrent, kernels: Any, U: Any, more: tuple[Any, ...], s: Scan, ctx: Ctx) -> None:
    """Fills the states and s.z; `more` are the arrays of the layer's own that its kernel takes."""
    h = s.states[0]
    halved = ctx.buf("U halved", U.shape, U.dtype)  # as `Recurrent.by_gate`, but side by side
    halved[...] = U
    halved[:, : layer.sigmoids * layer.units] *= 0.5
    products = scratch(ctx, "h U", (h.shape[1], U.shape[1]), U.dtype)
    given = (s.z, *s.states, products, halved, *more)
    kernels.forward(ctx.shared.pool, s.blocks(NUMBERS), *given)


def compiled_steps_back(
    layer: Recurrent, kernels: Any, U: Any, more: tuple[Any, ...], s: Scan, dys: Any, dh: Any, carried: Any,
    dz: Any, ctx: Ctx,
) -> None:  # fmt: skip
    """Fills dz, and what of `more` the kernel fills.

    dh (n, units) and `carried`, what reaches the step before in another way, become those of the first state.
    """
    if dys is None:
        dys = ctx.zeros((0, *dh.shape), dh.dtype)
    given = (s.z, *s.states, *more, dh, carried, dz, layer.transposed(U, ctx), dys)
    kernels.backward(ctx.shared.pool, s.blocks(NUMBERS), *given)
