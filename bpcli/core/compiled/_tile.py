"""The innermost loop of a convolution: some rows times sixteen columns of a product, held in registers.

C[r] = start[r] + Σ_o Σ_k A[r, o, k] B[o, k] for up to six rows r, with B's rows and C's of sixteen columns.
The sums are two vectors of eight numbers a row and never leave the registers until they are done, and what
is read serves six or sixteen of them. So are products made in Goto and van de Geijn, 2008; but A is not
copied first, and may be an image, whose windows overlap.

Numba has no vectors of its own, and from a loop over numbers it made code of a quarter of this speed. So the
loop is put together of instructions of LLVM, the compiler below Numba, which has them for any processor.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from bpcli.core.compiled._jit import inline, kernel

_cgutils: Any = import_module("numba.core.cgutils")
_types: Any = import_module("numba.core.types")
_extending: Any = import_module("numba.extending")
_ir: Any = import_module("llvmlite.ir")

COLUMNS, ROWS = 16, 6  # the sums take 12 of the 16 registers that most processors have
BYTES = 4
_LANES = 8
_NOTHING = np.zeros(COLUMNS, np.float32)
_NUMBER = _ir.FloatType()
_VECTOR = _ir.VectorType(_NUMBER, _LANES)
_INDEX = _ir.IntType(32)
_TOGETHER = ("contract",)  # a product and a sum may be one instruction


class _Code:
    """Writes instructions; addresses are integers, distances count numbers."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def moved(self, address: Any, by: Any, times: Any = 1) -> Any:
        times = times if isinstance(times, _ir.Value) else _ir.Constant(by.type, times)
        steps = self.builder.mul(self.builder.mul(by, times), _ir.Constant(by.type, BYTES))
        return self.builder.add(address, steps)

    def vectors(self, address: Any) -> list[Any]:
        """Pointers to the vectors that a row of COLUMNS numbers is."""
        starts = [_ir.Constant(address.type, first * BYTES) for first in range(0, COLUMNS, _LANES)]
        return [
            self.builder.inttoptr(self.builder.add(address, start), _VECTOR.as_pointer()) for start in starts
        ]

    def read(self, pointer: Any) -> Any:
        return self.builder.load(pointer, align=BYTES)

    def spread(self, address: Any) -> Any:
        """The number that lies there, in all lanes."""
        number = self.read(self.builder.inttoptr(address, _NUMBER.as_pointer()))
        nothing = _ir.Constant(_VECTOR, _ir.Undefined)
        first = self.builder.insert_element(nothing, number, _ir.Constant(_INDEX, 0))
        lanes = _ir.Constant(_ir.VectorType(_INDEX, _LANES), [0] * _LANES)
        return self.builder.shuffle_vector(first, nothing, lanes)

    def add_product(self, sums: Any, x: Any, y: Any) -> None:
        product = self.builder.fmul(x, y, flags=_TOGETHER)
        self.builder.store(self.builder.fadd(self.builder.load(sums), product, flags=_TOGETHER), sums)


def _loop(rows: int) -> Any:
    """The loop for so many rows, as a function that kernels call."""

    def write(
        builder: Any, c: Any, c_row: Any, start: Any, start_row: Any, a: Any, a_row: Any, a_outer: Any,
        a_inner: Any, b: Any, b_outer: Any, b_inner: Any, outer: Any, inner: Any,
    ) -> None:  # fmt: skip
        code, zeros = _Code(builder), _ir.Constant(_VECTOR, [0.0] * _LANES)
        vectors = range(COLUMNS // _LANES)
        sums = [[_cgutils.alloca_once_value(builder, zeros) for _ in vectors] for _ in range(rows)]
        for each in sums:
            for vector in each:
                builder.store(zeros, vector)
        with _cgutils.for_range(builder, outer) as o:
            a_line, b_line = code.moved(a, a_outer, o.index), code.moved(b, b_outer, o.index)
            with _cgutils.for_range(builder, inner) as k:
                a_here, b_here = code.moved(a_line, a_inner, k.index), code.moved(b_line, b_inner, k.index)
                columns = [code.read(pointer) for pointer in code.vectors(b_here)]
                for r, each in enumerate(sums):
                    number = code.spread(code.moved(a_here, a_row, r))
                    for vector, column in zip(each, columns, strict=True):
                        code.add_product(vector, number, column)
        for r, each in enumerate(sums):
            begin, end = code.vectors(code.moved(start, start_row, r)), code.vectors(code.moved(c, c_row, r))
            for vector, before, after in zip(each, begin, end, strict=True):
                total = builder.fadd(code.read(before), builder.load(vector))
                builder.store(total, after, align=BYTES)

    @_extending.intrinsic
    def loop(
        context: Any, c: Any, c_row: Any, start: Any, start_row: Any, a: Any, a_row: Any, a_outer: Any,
        a_inner: Any, b: Any, b_outer: Any, b_inner: Any, outer: Any, inner: Any,
    ) -> Any:  # fmt: skip
        def lower(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            write(builder, *given)
            return context.get_dummy_value()

        return _types.void(*[_types.intp] * 13), lower

    return loop


_1, _2, _3, _4, _5, _6 = (_loop(rows) for rows in range(1, ROWS + 1))


@kernel
def tile(
    rows: int, c: int, c_row: int, start: int, start_row: int, a: int, a_row: int, a_outer: int, a_inner: int,
    b: int, b_outer: int, b_inner: int, outer: int, inner: int,
) -> None:  # fmt: skip
    """The loop for one to six rows. c, start, a, b are addresses; a_row and the like the way to the next."""
    if rows == 6:
        _6(c, c_row, start, start_row, a, a_row, a_outer, a_inner, b, b_outer, b_inner, outer, inner)
    elif rows == 5:
        _5(c, c_row, start, start_row, a, a_row, a_outer, a_inner, b, b_outer, b_inner, outer, inner)
    elif rows == 4:
        _4(c, c_row, start, start_row, a, a_row, a_outer, a_inner, b, b_outer, b_inner, outer, inner)
    elif rows == 3:
        _3(c, c_row, start, start_row, a, a_row, a_outer, a_inner, b, b_outer, b_inner, outer, inner)
    elif rows == 2:
        _2(c, c_row, start, start_row, a, a_row, a_outer, a_inner, b, b_outer, b_inner, outer, inner)
    else:
        _1(c, c_row, start, start_row, a, a_row, a_outer, a_inner, b, b_outer, b_inner, outer, inner)


@kernel
def multiply(a: int, a_row: int, rows: int, panels: Any, out: int, out_row: int) -> None:
    """out (rows, panels·COLUMNS) = a (rows, k) times the columns in panels (panels, k, COLUMNS).

    a and out are addresses, a_row and out_row the numbers from one row to the next.
    """
    count, k, _ = panels.shape
    tiles = -(-rows // ROWS)
    for panel in range(count):
        b, row = place(panels) + BYTES * panel * k * COLUMNS, 0
        for left in range(tiles, 0, -1):
            some = -(-(rows - row) // left)
            c = out + BYTES * (row * out_row + panel * COLUMNS)
            of_a = a + BYTES * row * a_row
            tile(some, c, out_row, place(_NOTHING), 0, of_a, a_row, 0, 1, b, 0, COLUMNS, 1, k)
            row += some


@inline
def place(array: Any) -> Any:
    """The address of an array, as a signed number that can be counted on from."""
    return np.intp(array.ctypes.data)
