"""The few functions that need care under the complex step, and the accumulator's dtype.

The complex step (Squire and Trapp, 1998) reads f'(x) off Im f(x + ih) / h without subtracting, so it has no
rounding error to speak of: but only if every function on the way is continued analytically. abs, var and
norm of a complex number are not; decisions (which branch, which maximum) are taken on the real part.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def is_complex(x: Any) -> bool:
    return x.dtype.kind == "c"


def accumulator(dtype: Any) -> Any:
    """The dtype in which sums of many numbers are kept: float64, or complex128 under the complex step."""
    return np.complex128 if np.dtype(dtype).kind == "c" else np.float64


def real(x: Any) -> Any:
    """The part on which decisions are taken."""
    return x.real if is_complex(x) else x


def absolute(x: Any, xp: Any) -> Any:
    """|x| continued analytically: -x where the real part is negative."""
    return xp.where(x.real < 0, -x, x) if is_complex(x) else xp.abs(x)


def erf(x: Any, xp: Any) -> Any:
    """The error function, to about 1e-16 for real x (Cody, 1969: rational Chebyshev approximations).

    In float32 it is one fraction for all x, off by up to 4e-7. Under the complex step,
    erf(x + ih) = erf(x) + ih·2/√π·exp(-x²), exact to the order of h².
    """
    if is_complex(x):
        slope = 2.0 / _SQRT_PI * xp.exp(-x.real * x.real)
        return _erf(x.real, xp) + 1j * x.imag * slope
    return _erf(x, xp)


# A Python float, not a NumPy scalar: that would turn float32 arrays into float64.
_SQRT_PI = float(np.sqrt(np.pi))

# Cody's coefficients for |x| <= 0.46875, for 0.46875 <= |x| <= 4, and beyond: numerators, denominators.
_A = (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
      3.20937758913846947e3)  # fmt: skip
_B = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_C = (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
      2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
      1.23033935479799725e3)  # fmt: skip
_D = (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
      3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3)  # fmt: skip
_P = (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
      1.60837851487422766e-2, 6.58749161529837803e-4)  # fmt: skip
_Q = (1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
      2.33520497626869185e-3)  # fmt: skip


def _ratio(z: Any, numerator: tuple[float, ...], denominator: tuple[float, ...]) -> Any:
    top, bottom = numerator[0] * z + numerator[1], denominator[0] * z + denominator[1]
    for a, b in zip(numerator[2:], denominator[2:], strict=True):
        top, bottom = top * z + a, bottom * z + b
    return top / bottom


# erf x ≈ x P(x²) / Q(x²) for |x| <= 3.93, where a float32 of it is 1: a least-squares fit, reweighted until
# the relative error was even, 2e-8; the rest is rounding.
_END = 3.93
_P32 = (2.041958418012076e-06, 2.8481271207227247e-4, 3.7797461701948917e-3, 5.279069867550293e-2,
        1.907868814584468e-1, 1.1283791451893759)  # fmt: skip
_Q32 = (3.8004167260003594e-05, 1.165248149512141e-3, 1.4997705715340747e-2, 1.1425879349799146e-1,
        5.024131893104079e-1, 1.0)  # fmt: skip

#: Numbers that are worked on together: few enough for a cache, and enough for threads not to wait for each
#: other's calls.
_BLOCK = 1 << 17


def _erf(x: Any, xp: Any) -> Any:
    of_block = _erf32 if x.dtype == np.float32 else _erf_of_block
    if x.size <= _BLOCK:
        return of_block(x, xp)
    y = xp.empty(x.shape, x.dtype)
    given, made = x.reshape(-1), y.reshape(-1)
    for start in range(0, x.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        made[block] = of_block(given[block], xp)
    return y


def _erf32(x: Any, xp: Any) -> Any:
    y = xp.clip(x, -_END, _END)
    s = y * y
    top, bottom = _P32[0] * s + _P32[1], _Q32[0] * s + _Q32[1]
    for a, b in zip(_P32[2:], _Q32[2:], strict=True):
        top *= s
        top += a
        bottom *= s
        bottom += b
    top *= y
    top /= bottom
    return xp.clip(top, -1.0, 1.0, out=top)


def _erf_of_block(x: Any, xp: Any) -> Any:
    a = xp.abs(x)
    small = xp.minimum(a, 0.46875)
    near = small * _ratio(small * small, _A, _B)
    middle = xp.clip(a, 0.46875, 4.0)
    mid = 1.0 - xp.exp(-middle * middle) * _ratio(middle, _C, _D)
    if not (a > 4.0).any():  # as almost always, and it saves a third of the work
        return xp.copysign(xp.where(a <= 0.46875, near, mid), x)
    large = xp.clip(a, 4.0, 7.0)  # erf is 1 to the last bit from 5.93 on
    z = 1.0 / (large * large)
    tail = (1.0 / _SQRT_PI - z * _ratio(z, _P, _Q)) / large
    far = 1.0 - xp.exp(-large * large) * tail
    return xp.copysign(xp.where(a <= 0.46875, near, xp.where(a <= 4.0, mid, far)), x)
