"""A large matrix product, its blocks side by side: `Ctx.matmul`. Each block is a product of NumPy's BLAS."""

from __future__ import annotations

from typing import Any

from numba import prange

from bpcli.core.compiled._blas import AS_IT_IS, ONE, ROW_MAJOR, TRANSPOSED, ZERO, sgemm
from bpcli.core.compiled._team import Team
from bpcli.core.rows import Blocks, Pool

_BYTES = 4


def multiply(pool: Pool, blocks: Blocks, a: Any, b: Any, out: Any) -> bool:
    """out (m, n) = a (m, k) b (k, n) by blocks of rows, or of columns where n >= m; whether it was done.

    It is where each matrix has its rows or its columns in one piece, out its rows.
    """
    of_a, of_b, of_out = _lies(a), _lies(b), _lies(out)
    if of_a is None or of_b is None or of_out is None or of_out[1] != AS_IT_IS:
        return False
    (m, k), n, (place, _, line) = a.shape, b.shape[1], of_out
    if n >= m:
        _columns(pool, blocks, *of_a, *of_b, place, line, m, k, b.strides[1])
    else:
        _rows(pool, blocks, *of_a, *of_b, place, line, n, k, a.strides[0])
    return True


def _lies(a: Any) -> tuple[int, int, int] | None:
    """The address of a matrix, how it lies, and the numbers from one of its lines to the next."""
    (rows, columns), (down, across) = a.shape, a.strides
    address = a.__array_interface__["data"][0]
    if across == _BYTES and down >= columns * _BYTES:
        return address, AS_IT_IS, down // _BYTES
    if down == _BYTES and across >= rows * _BYTES:
        return address, TRANSPOSED, across // _BYTES
    return None


@Team
def _columns(
    table: Any, a: int, a_lies: int, a_line: int, b: int, b_lies: int, b_line: int, out: int,
    out_line: int, m: int, k: int, across: int,
) -> None:  # fmt: skip
    """Columns of b and of the product; `across` are the bytes from one column of b to the next."""
    for block in prange(len(table)):
        start, stop = table[block, 1], table[block, 2]
        sgemm(
            ROW_MAJOR, a_lies, b_lies, m, stop - start, k, ONE, a, a_line, b + start * across, b_line, ZERO,
            out + start * _BYTES, out_line,
        )  # fmt: skip


@Team
def _rows(
    table: Any, a: int, a_lies: int, a_line: int, b: int, b_lies: int, b_line: int, out: int,
    out_line: int, n: int, k: int, down: int,
) -> None:  # fmt: skip
    """Rows of a and of the product; `down` are the bytes from one row of a to the next."""
    for block in prange(len(table)):
        start, stop = table[block, 1], table[block, 2]
        sgemm(
            ROW_MAJOR, a_lies, b_lies, stop - start, n, k, ONE, a + start * down, a_line, b, b_line, ZERO,
            out + start * out_line * _BYTES, out_line,
        )  # fmt: skip
