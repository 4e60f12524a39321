"""How kernels are compiled, and the functions that Numba has no fast form of."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from typing import Any, TypeVar

import numpy as np
from numba import njit

#: What the compiler may do with sums and products; not among it: to take it that nothing is ever NaN, since
#: a loss that diverges has to be seen. Divisions by zero give infinity as in NumPy, and no exception, whose
#: check would keep a loop from being vectorised.
SETTINGS: dict[str, Any] = {
    "nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc", "arcp", "nsz"}
}  # fmt: skip

_F = np.float32
Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """A kernel that Python calls; compiled at its first call, and kept on disk for the next process.

    What is kept goes by the time of the kernel's own file: after a change in this one, remove __pycache__.
    """
    made: Any = njit(cache=True, **SETTINGS)(function)
    return made


def inline(function: Function) -> Function:
    """A function that kernels call, and that becomes a part of them."""
    made: Any = njit(inline="always", **SETTINGS)(function)
    return made


def _convergent(levels: int) -> tuple[list[int], list[int]]:
    """(P, Q), lowest power first, with tanh x ≈ x P(x²) / Q(x²).

    Lambert's continued fraction tanh x = x / (1 + x² / (3 + x² / (5 + …))), cut after so many levels.
    """
    top, bottom = [2 * levels - 1], [1]
    for odd in range(2 * levels - 3, 0, -2):
        pairs = zip_longest(top, [0, *bottom], fillvalue=0)
        top, bottom = [odd * a + b for a, b in pairs], top
    return bottom, top


# 13 levels are off by at most 6 units in the last place of a float32 up to x = 9.02, where tanh is 1.
_P, _Q = _convergent(13)
_P0, _P1, _P2, _P3, _P4, _P5, _P6 = (_F(c / _Q[0]) for c in _P)
_Q0, _Q1, _Q2, _Q3, _Q4, _Q5, _Q6 = (_F(c / _Q[0]) for c in _Q)
_ONE, _HALF, _END = _F(1), _F(0.5), _F(9.02)


@inline
def tanh(x: Any) -> Any:
    """tanh of a float32, in sums and products alone, so that a loop over it is vectorised."""
    x = _END if x > _END else x  # NaN passes both
    x = -_END if x < -_END else x
    s = x * x
    p = (((((_P6 * s + _P5) * s + _P4) * s + _P3) * s + _P2) * s + _P1) * s + _P0
    q = (((((_Q6 * s + _Q5) * s + _Q4) * s + _Q3) * s + _Q2) * s + _Q1) * s + _Q0
    y = x * p / q
    y = _ONE if y > _ONE else y
    return -_ONE if y < -_ONE else y


@inline
def sigmoid_of_twice(x: Any) -> Any:
    """σ(2x) = ½ + ½ tanh x."""
    return _HALF + _HALF * tanh(x)
