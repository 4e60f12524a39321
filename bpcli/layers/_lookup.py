"""Rows of a table that are named and not yet copied, and the sum of what comes back to each row.

An embedding may give such a `Lookup` to layers that can use one. A recurrent layer multiplies the whole table
with its weights, once for each symbol and not for each place where it stands, and copies rows of the product.
The gradient of a Lookup is that of its table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bpcli.core.ctx import Ctx

#: Up to so many rows the sum is a product with one-hot rows: faster than sorting the numbers.
_FEW = 128


@dataclass(frozen=True, slots=True)
class Lookup:
    """x = table[ids]: table (symbols, units), ids (n, t) int64."""

    table: Any
    ids: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.ids.shape, self.table.shape[1])

    @property
    def dtype(self) -> Any:
        return self.table.dtype

    def __len__(self) -> int:
        return len(self.ids)


def sum_rows(rows: Any, ids: Any, out: Any, ctx: Ctx) -> Any:
    """out[k] = the sum of the rows (m, c) whose number, in ids (m,), is k; for out (symbols, c)."""
    xp, symbols = ctx.xp, len(out)
    if symbols > _FEW:
        ctx.shared.backend.sum_rows(rows, ids, out)
        return out
    is_here = ctx.buf("is here", (len(ids), symbols), bool)
    xp.equal(ids[:, None], xp.arange(symbols), out=is_here)
    hot = ctx.buf("hot", is_here.shape, rows.dtype)
    hot[...] = is_here
    return ctx.matmul(hot.T, rows, out)
