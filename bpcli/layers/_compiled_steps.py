"""The steps of a sequence in one compiled kernel for each block of rows, so that the threads never meet.

The kernels know neither masks nor dropout: with those the layers go their NumPy way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpcli.core.ctx import Ctx
from bpcli.layers._panels import COLUMNS, fill_panels, panels_of
from bpcli.layers._scan import Scan, scratch

if TYPE_CHECKING:
    from bpcli.layers._recurrent import Recurrent


#: A block has so many numbers in a state; fewer than where every step takes the interpreter.
NUMBERS = 2048


def compiled_steps(layer: Recurrent, kernels: Any, U: Any, more: tuple[Any, ...], s: Scan, ctx: Ctx) -> None:
    """Fills the states and s.z; `more` are the arrays of the layer's own that its kernel takes."""
    units, n, count = layer.units, s.shape[1], panels_of(layer.units)
    panels = ctx.buf("panels of U", (layer.gates, count, units, COLUMNS), U.dtype)
    for gate, (part, own) in enumerate(zip(U.reshape(units, -1, units).swapaxes(0, 1), panels, strict=True)):
        fill_panels(part, own)
        if gate < layer.sigmoids:  # halved, as in `Recurrent.by_gate`
            own *= 0.5
    products = scratch(ctx, "h U", (n, layer.gates * count * COLUMNS), U.dtype)
    given = (s.z, *s.states, products, panels.reshape(-1, units, COLUMNS), *more)
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
    count = panels_of(layer.units)
    panels = fill_panels(U.T, ctx.buf("panels of Uᵀ", (count, U.shape[1], COLUMNS), U.dtype))
    products = scratch(ctx, "dz Uᵀ", (len(dh), count * COLUMNS), U.dtype)
    given = (s.z, *s.states, *more, dh, carried, dz, panels, dys, products)
    kernels.backward(ctx.shared.pool, s.blocks(NUMBERS), *given)
