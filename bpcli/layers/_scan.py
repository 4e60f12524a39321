"""One pass over the steps of a batch of sequences: its arrays, time first, and its blocks of rows.

A row is a sequence of its own, so a thread takes some rows through all steps: nothing has to be waited for
in between. The blocks depend on the sizes alone, as those of core/rows.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from bpcli.core.ctx import Ctx
from bpcli.core.rows import Blocks, cut

#: A block has at least so many rows (with fewer a matrix product is slow), and so many numbers in a state
#: (with fewer the threads get in each other's way), and there are at most so many blocks.
ROWS, NUMBERS, BLOCKS = 16, 4096, 4


@dataclass(frozen=True, slots=True)
class Scan:
    """The arrays of a pass; step s is read s-th, whether from the front or from the back.

    z (gates, t, n, units): what goes into the gates, and then what comes out of them. states: each (t + 1, n,
    units), with the state before step s at s. kept (n, units): the factors of the recurrent dropout, or None.
    pads: for each step (n, 1), true for rows that skip it, or None where none does.
    """

    z: Any
    states: tuple[Any, ...]
    kept: Any
    pads: Sequence[Any]
    #: The widths of the inputs that the first state came in, and the state after the last step side by side
    #: (n, states·units), or None where nobody asks for it.
    initial: tuple[int, ...] = ()
    last: Any = None

    @property
    def padded(self) -> bool:
        return any(pad is not None for pad in self.pads)

    @property
    def by_step(self) -> Any:
        """z (t, gates, n, units), a view, in which the numbers of one gate and step lie together."""
        return self.z.swapaxes(0, 1)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(t, n, units)."""
        return self.z.shape[1:]

    def kept_of(self, rows: slice) -> Any:
        return None if self.kept is None else self.kept[rows]

    def blocks(self, numbers: int = NUMBERS) -> Blocks:
        _, n, units = self.shape
        return cut(n, max(1, min(n // ROWS, n * units // numbers, BLOCKS)))

    def over_rows(self, kernel: Callable[[slice], Any], ctx: Ctx) -> None:
        """Calls kernel(rows) for every block of rows, on all threads."""
        ctx.shared.pool.run(kernel, self.blocks())


def scratch(ctx: Ctx, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
    """ctx.buf by its size: batches of other lengths and rows share one memory, as large as the largest."""
    return ctx.buf(name, (prod(shape),), dtype).reshape(shape)


def steps_first(a: Any, reverse: bool) -> Any:
    """a (n, t, ...) as (t, n, ...), a view, in the order in which the steps are read."""
    turned = a.swapaxes(0, 1)
    return turned[::-1] if reverse else turned


def skipped(mask: Any, reverse: bool, steps: int, xp: Any) -> tuple[Any, list[Any]]:
    """(t, n, 1), true where a row skips a step, and the same step by step; None where nothing is true."""
    if mask is None:
        return None, [None] * steps
    pad = steps_first(xp.logical_not(mask), reverse)[:, :, None]
    some = pad.any(axis=1)[:, 0].tolist()
    if not any(some):
        return None, [None] * steps
    return pad, [rows if any_here else None for rows, any_here in zip(pad, some, strict=True)]


def sigmoid(half: Any) -> None:
    """σ(z) = ½ + ½ tanh(z/2), in place where tanh(z/2) stands already."""
    half *= 0.5
    half += 0.5


def through(dz: Any, transposed: Any, dh: Any, kept: Any, pad: Any, spare: Any, xp: Any) -> None:
    """dh <- dz Uᵀ, times what the recurrent dropout kept; rows that skip the step (`pad`) keep their dh."""
    if pad is not None:
        spare[...] = dh
    xp.matmul(dz, transposed, out=dh)
    if kept is not None:
        dh *= kept
    if pad is not None:
        xp.copyto(dh, spare, where=pad)
