"""NumPy's own BLAS, as kernels can call it.

Numba's `np.dot` would take SciPy's, which is another library, with threads and bits of its own. So the
address of sgemm is looked up in the library that NumPy has loaded. NumPy's wheels for Linux, Windows and
older Macs have it with 64-bit integers; another BLAS is not looked for: importing this is then an
ImportError, and who needs it goes the NumPy way.
"""

from __future__ import annotations

import ctypes
from importlib import import_module
from typing import Any

import numpy as np
from numba import types as numba_types

from bpcli.core.backend import blas_libraries

_NAMES = ("scipy_cblas_sgemm64_", "cblas_sgemm64_")
ROW_MAJOR, AS_IT_IS, TRANSPOSED = 101, 111, 112  # as cblas.h has them


def _address() -> int:
    for path in sorted(blas_libraries(), key=lambda path: "numpy" not in path):
        library = ctypes.CDLL(path)
        for name in _NAMES:
            function = getattr(library, name, None)
            if function is not None and (found := ctypes.cast(function, ctypes.c_void_p).value):
                return found
    raise ImportError("NumPy's BLAS has no sgemm with 64-bit integers")


_llvm: Any = import_module("llvmlite.binding")
_llvm.add_symbol("bpcli_sgemm", _address())
types: Any = numba_types
_i, _n, _f, _at = types.int32, types.int64, types.float32, types.uintp
sgemm: Any = types.ExternalFunction(
    "bpcli_sgemm", types.void(_i, _i, _i, _n, _n, _n, _f, _at, _n, _at, _n, _f, _at, _n)
)
ONE, ZERO = np.float32(1), np.float32(0)
