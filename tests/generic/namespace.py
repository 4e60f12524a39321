"""A stand-in for NumPy that has only what CuPy has too.

Layers compute on `ctx.xp`. On a machine without a GPU the laws also run on this namespace: a layer that
uses a function or an option that CuPy lacks fails here, and not on a user's GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import SimpleNamespace
from typing import Any

import numpy as np

from bpcli.core.backend import Backend

_CONSTANTS = """
    e inf nan newaxis pi
    bool_ complex128 complex64 float16 float32 float64 int32 int64 int8 uint8 dtype finfo iinfo
    ndarray promote_types result_type
"""

#: All of these take arrays and numbers, and `out=` where they are elementwise, as NumPy's do.
_FUNCTIONS = """
    empty empty_like eye full full_like identity ones ones_like zeros zeros_like
    arange array asarray ascontiguousarray copy diag linspace tri tril triu
    copyto ravel reshape moveaxis swapaxes transpose broadcast_to broadcast_arrays expand_dims squeeze
    concatenate hstack stack vstack array_split split repeat tile unique flip roll pad
    take take_along_axis choose diagonal fill_diagonal where nonzero flatnonzero count_nonzero
    argmax argmin argpartition argsort partition searchsorted sort
    dot einsum inner matmul outer tensordot
    all any allclose isclose isfinite isinf isnan isin
    equal greater greater_equal less less_equal not_equal
    logical_and logical_not logical_or logical_xor bitwise_and bitwise_or bitwise_xor invert
    arctan arctan2 cos sin tan cosh sinh tanh arcsinh hypot
    ceil floor rint trunc around
    prod sum cumprod cumsum diff max min amax amin mean bincount
    exp exp2 expm1 log log10 log1p log2 logaddexp
    add subtract multiply divide true_divide floor_divide remainder negative power reciprocal
    abs absolute cbrt clip conj conjugate copysign fmax fmin imag real maximum minimum sign sqrt square
"""
CONSTANTS, FUNCTIONS = frozenset(_CONSTANTS.split()), frozenset(_FUNCTIONS.split())

#: Options that CuPy's functions do not have, or not in every version, except where a function is for them.
REFUSED = frozenset({"where", "casting", "order", "subok", "initial", "like"})
TAKES = {"copyto": {"where"}}
WITHOUT_OUT = frozenset({"einsum", "where", "tensordot"})


#: `xp.lib.stride_tricks.as_strided(x, shape, strides)`, the one function of a submodule.
_LIB = SimpleNamespace(
    stride_tricks=SimpleNamespace(
        as_strided=lambda x, shape, strides: np.lib.stride_tricks.as_strided(x, shape, strides)
    )
)


class Restricted:
    """`xp.multiply`, `xp.zeros`, … as NumPy computes them; AttributeError for a name that CuPy lacks."""

    lib = _LIB

    def __getattr__(self, name: str) -> Any:
        if name in CONSTANTS:
            return getattr(np, name)
        if name not in FUNCTIONS:
            raise AttributeError(f"xp.{name} is not on the list of what NumPy and CuPy both have")
        function = checked(name, getattr(np, name))
        setattr(self, name, function)
        return function


def checked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    refused = (REFUSED - TAKES.get(name, set())) | ({"out"} if name in WITHOUT_OUT else set())

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if bad := refused & set(options):
            raise TypeError(f"xp.{name} has no option {', '.join(sorted(bad))} in CuPy")
        return function(*args, **options)

    return call


class RestrictedBackend(Backend):
    name = "restricted"

    def __init__(self) -> None:
        super().__init__()
        self.xp = Restricted()


BACKENDS: dict[str, Callable[[], Backend]] = {"numpy": Backend, "restricted": RestrictedBackend}
