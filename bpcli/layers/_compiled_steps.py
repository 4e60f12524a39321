"""The loops over the steps of a sequence where compiled kernels do what is done number by number.

The products with U stay here, one for each step and all gates together. The kernels know neither masks nor
dropout: with those the layers go their NumPy way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpcli.core.ctx import Ctx
from bpcli.layers._scan import Scan, scratch

if TYPE_CHECKING:
    from bpcli.layers._recurrent import Recurrent


def compiled_steps(layer: Recurrent, kernels: Any, U: Any, more: tuple[Any, ...], s: Scan, ctx: Ctx) -> None:
    """Fills the states and s.z; `more` are the arrays of the layer's own that its kernel takes."""
    xp, h = ctx.xp, s.states[0]
    halved = ctx.buf("U halved", U.shape, U.dtype)  # as `Recurrent.by_gate`, but side by side
    halved[...] = U
    halved[:, : layer.sigmoids * layer.units] *= 0.5
    products = scratch(ctx, "h U", (h.shape[1], U.shape[1]), U.dtype)

    def block(rows: slice) -> None:
        product = products[rows]
        for t, before in enumerate(h[:-1, rows]):
            xp.matmul(before, halved, out=product)
            kernels.step(s.z, *s.states, products, *more, t, rows.start, rows.stop)

    s.over_rows(block, ctx)


def compiled_steps_back(
    layer: Recurrent, kernels: Any, U: Any, more: tuple[Any, ...], s: Scan, dys: Any, dh: Any, carried: Any,
    dz: Any, du: Any, ctx: Ctx,
) -> None:  # fmt: skip
    """Fills dz; du is what comes through U. dh (n, units) and `carried`, what reaches the step before in
    another way, become those of the first state."""
    xp, transposed = ctx.xp, layer.transposed(U, ctx)

    def block(rows: slice) -> None:
        mine = dh[rows]
        for t in range(len(dz) - 1, -1, -1):
            if dys is not None:
                mine += dys[t, rows]
            kernels.back(s.z, *s.states, *more, dh, carried, dz, t, rows.start, rows.stop)
            xp.matmul(du[t, rows], transposed, out=mine)

    s.over_rows(block, ctx)
