"""Backends that cannot be had say so, and with what; those that can copy alike."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bpcli.core.backend import CupyBackend, backend
from bpcli.errors import UsageError


def cupy(count: Any) -> Any:
    """A module in the place of CuPy, on a machine with so many GPUs."""

    def devices() -> int:
        if isinstance(count, Exception):
            raise count
        return count

    runtime = SimpleNamespace(getDeviceCount=devices)
    return SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))


@pytest.mark.parametrize(
    ("module", "said", "remedy"),
    [
        (None, "train.device: cuda needs CuPy, which is not installed", "pip install 'bpcli[cuda]'"),
        (cupy(0), "CuPy finds no GPU on this machine", "train.device=cpu"),
        (cupy(RuntimeError("driver is too old")), "CuPy finds no usable GPU (driver is too old)", "=cpu"),
    ],
)
def test_without_cupy_or_a_gpu(module: Any, said: str, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", module)
    with pytest.raises(UsageError) as caught:
        backend("cuda")
    assert caught.value.exit_code == 2
    assert said in str(caught.value) and remedy in str(caught.value)


def test_with_a_gpu_the_namespace_is_cupys(monkeypatch: pytest.MonkeyPatch) -> None:
    module = cupy(1)
    monkeypatch.setitem(sys.modules, "cupy", module)
    assert backend("cuda").xp is module


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_runs_are_copied_number_by_number(dtype: str) -> None:
    a = np.arange(2 * 5 * 7, dtype=dtype).reshape(2, 5, 7)[:, ::2, 1:6]
    host, other = np.full((2, 3, 5), np.nan, dtype), np.full((2, 3, 5), np.nan, dtype)
    backend().copy_runs(a, host)
    CupyBackend.copy_runs(object.__new__(CupyBackend), a, other)
    assert np.array_equal(host, a) and np.array_equal(other, a)
