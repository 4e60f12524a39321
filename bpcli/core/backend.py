"""What differs between NumPy and CuPy, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from bpcli.errors import UsageError


class Backend:
    """NumPy. Arrays are on the host; `asarray` and `to_host` change nothing."""

    name = "numpy"
    device = "cpu"

    def __init__(self) -> None:
        self.xp: Any = np

    def asarray(self, array: Any) -> Any:
        return array

    def to_host(self, array: Any) -> np.ndarray[Any, Any]:
        return np.asarray(array)

    def copy_runs(self, a: Any, out: Any) -> None:
        """out[...] = a, for arrays whose last axis lies in one piece."""
        run = np.dtype((np.void, a.shape[-1] * a.itemsize))  # each as one item: up to three times as fast
        out.view(run)[...] = a.view(run)

    def take_rows(self, table: Any, ids: Any, out: Any) -> Any:
        """out[...] = table[ids], for ids that are known to be within bounds."""
        return table.take(ids, 0, out, "clip")  # the default mode would gather into a copy first

    def sum_rows(self, rows: Any, ids: Any, out: Any) -> None:
        """out[k] = the sum of the rows (m, c) whose id (m,) is k, added in their order."""
        order = np.argsort(ids, kind="stable")
        sorted_ids = ids[order]
        starts = np.flatnonzero(np.diff(sorted_ids, prepend=-1))
        out[...] = 0
        if len(starts):
            out[sorted_ids[starts]] = np.add.reduceat(rows[order], starts, axis=0)

    def compiled(self, name: str, dtype: Any) -> Any:
        """The compiled kernels of this name (a module of core/compiled/), or None where NumPy is to do it."""
        return None

    def quiet(self) -> Any:
        """Overflow and NaN are looked for once a step; NumPy's own warnings would only repeat it."""
        return np.errstate(all="ignore")


class CompiledBackend(Backend):
    """NumPy, and kernels compiled by Numba in its slowest spots: see core/compiled/."""

    name = "numba"

    def __init__(self) -> None:
        super().__init__()
        self._kernels: dict[str, Any] = {}
        try:
            import_module("numba")
        except ImportError:
            raise UsageError(
                "train.compiled needs Numba, which is not installed",
                hint="pip install 'bpcli[compiled]', or train.compiled=false",
            ) from None

    def compiled(self, name: str, dtype: Any) -> Any:
        if dtype != np.float32:
            return None
        if name not in self._kernels:
            try:
                self._kernels[name] = import_module(f"bpcli.core.compiled.{name}")
            except ImportError:  # those that call BLAS, where NumPy has not the one they know
                self._kernels[name] = None
        return self._kernels[name]


class CupyBackend(Backend):
    """CuPy. Random numbers are drawn on the host, so that a mask is the same on both backends."""

    name = "cupy"
    device = "cuda"

    def __init__(self) -> None:
        try:
            cupy: Any = import_module("cupy")
        except ImportError:
            raise UsageError(
                "train.device: cuda needs CuPy, which is not installed",
                hint="pip install 'bpcli[cuda]', or train.device=cpu",
            ) from None
        try:
            found = int(cupy.cuda.runtime.getDeviceCount())
        except Exception as error:
            raise UsageError(f"CuPy finds no usable GPU ({error})", hint="train.device=cpu") from error
        if not found:
            raise UsageError("CuPy finds no GPU on this machine", hint="train.device=cpu")
        self.xp = cupy

    def asarray(self, array: Any) -> Any:
        return self.xp.asarray(array)

    def to_host(self, array: Any) -> np.ndarray[Any, Any]:
        return self.xp.asnumpy(array)

    def copy_runs(self, a: Any, out: Any) -> None:
        out[...] = a

    def take_rows(self, table: Any, ids: Any, out: Any) -> Any:
        return self.xp.take(table, ids, axis=0, out=out)

    def sum_rows(self, rows: Any, ids: Any, out: Any) -> None:
        out[...] = 0
        self.xp.add.at(out, ids, rows)


def backend(device: str = "cpu", *, compiled: bool = False) -> Backend:
    """The backend of a device name, `cpu` or `cuda`; UsageError (exit 2) where it cannot be used."""
    return CompiledBackend() if compiled else _BACKENDS[device]()


_BACKENDS: dict[str, Callable[[], Backend]] = {"cpu": Backend, "cuda": CupyBackend}


def one_blas_thread() -> None:
    """Sets BLAS to one thread for the whole process.

    Left to itself OpenBLAS gives other bits on another number of threads. The parallel work is cut by a
    fixed grid instead (core/rows.py), whose results do not depend on who computes which block.
    """
    threadpoolctl: Any = import_module("threadpoolctl")
    threadpoolctl.threadpool_limits(limits=1, user_api="blas")


def blas_libraries() -> list[str]:
    """The files of the BLAS libraries that this process has loaded."""
    threadpoolctl: Any = import_module("threadpoolctl")
    return [found["filepath"] for found in threadpoolctl.threadpool_info() if found["user_api"] == "blas"]
