"""What the gates of a recurrent layer get of x, for all steps in one product, and the gradients behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpcli.core.ctx import Ctx
from bpcli.core.store import Tree
from bpcli.layers._lookup import Lookup, sum_rows
from bpcli.layers._scan import scratch, steps_first

if TYPE_CHECKING:
    from bpcli.layers._recurrent import Recurrent


@dataclass(frozen=True, slots=True)
class GateInputs:
    """z = x W + b (gates, t, n, units), in the order in which the steps are read, and what it takes back.

    rows (m, in): what was multiplied with W. That is x at every step; or, where x is a Lookup in a small
    table, the table, and every step has a copy of its row of the product. lookup: x, where it is one; ids
    (t·n,): its numbers in the order of the steps.
    """

    z: Any
    rows: Any
    lookup: Lookup | None
    ids: Any

    @property
    def copied(self) -> bool:
        """Whether the product is of the table."""
        return self.lookup is not None and self.rows is self.lookup.table


def gate_inputs(layer: Recurrent, p: Tree, x: Any, pad: Any, ctx: Ctx) -> GateInputs:
    """Of x (n, t, in), or a Lookup of it; steps that are skipped (pad (t, n, 1) or None) are taken as 0."""
    n, t, features = x.shape
    take_rows = ctx.shared.backend.take_rows
    z = scratch(ctx, "z", (layer.gates, t, n, layer.units), p.W.dtype)
    flat = product = z.reshape(layer.gates, t * n, layer.units)
    lookup, ids = (x, _ordered(x.ids, layer.reverse, ctx)) if isinstance(x, Lookup) else (None, None)
    if lookup is not None and 2 * len(lookup.table) <= t * n:
        rows = lookup.table
        product = ctx.buf("table W", (layer.gates, len(rows), layer.units), z.dtype)
    else:
        steps = scratch(ctx, "x", (t, n, features), z.dtype)
        rows = steps.reshape(t * n, features)
        if lookup is not None:
            take_rows(lookup.table, ids, rows)
        else:
            steps[...] = steps_first(x, layer.reverse)
        if pad is not None:  # whatever stands there, it counts for nothing
            ctx.xp.copyto(steps, 0, where=pad)
    W = layer.by_gate("W", p.W, ctx)
    b = layer.by_gate("b", p.b, ctx) if layer.bias else None
    if features == 1 and b is not None and product is flat:
        kernels = ctx.compiled("gate_inputs", z.dtype)
        if kernels is not None:
            kernels.of_one_number(rows, W, b, product)
            return GateInputs(z, rows, lookup, ids)
    for gate in range(layer.gates):
        if features == 1:  # a product that BLAS is slow at
            ctx.xp.multiply(rows, W[gate], out=product[gate])
        else:
            ctx.matmul(rows, W[gate], product[gate])
        if b is not None:
            product[gate] += b[gate]
        if product is not flat:
            take_rows(product[gate], ids, flat[gate])
    return GateInputs(z, rows, lookup, ids)


def _ordered(ids: Any, reverse: bool, ctx: Ctx) -> Any:
    turned = steps_first(ids, reverse)
    ordered = scratch(ctx, "ids", turned.shape, ids.dtype)
    ordered[...] = turned
    return ordered.reshape(-1)


def gate_inputs_back(layer: Recurrent, p: Tree, g: Tree, given: GateInputs, dz: Any, ctx: Ctx) -> Any:
    """Writes dW = rowsᵀ dz and db = Σ dz; returns dx, of a Lookup that of its table, if it is asked for."""
    xp, (t, n, columns) = ctx.xp, dz.shape
    rows, flat, lookup = given.rows, dz.reshape(t * n, columns), given.lookup
    if given.copied:
        flat = sum_rows(flat, given.ids, ctx.buf("dtable W", (len(rows), columns), dz.dtype), ctx)
    ctx.matmul(rows.T, flat, g.W)
    if layer.bias:
        xp.matmul(xp.ones(len(flat), flat.dtype), flat, out=g.b)
    if not ctx.need_dx:
        return None
    drows = scratch(ctx, "drows", rows.shape, flat.dtype)
    ctx.matmul(flat, p.W.T, drows)
    if given.copied:
        return drows
    if lookup is not None:
        return sum_rows(drows, given.ids, ctx.buf("dtable", lookup.table.shape, drows.dtype), ctx)
    steps = drows.reshape(t, n, -1)
    dx = ctx.buf("dx", (n, t, rows.shape[1]), drows.dtype)
    dx[...] = (steps[::-1] if layer.reverse else steps).swapaxes(0, 1)
    return dx
