"""Kernels whose blocks run side by side: products, Adam, and the team itself."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from itertools import product
from typing import Any

import numpy as np
import pytest

from bpcli.core.backend import backend, one_blas_thread
from bpcli.core.ctx import Ctx, Pass
from bpcli.core.rows import BLOCK_WORK, Pool, cut, product_grid
from bpcli.spec.registry import family
from tests.generic import rigs

pytest.importorskip("numba")


def matrix(rows: int, columns: int, lies: str, seed: int) -> Any:
    """Its rows in one piece, its columns, rows with a gap between them, nothing, or one column for all."""
    wide = np.random.default_rng(seed).normal(size=(2 * rows, 2 * columns)).astype("f4")
    return {
        "rows": wide[:rows, :columns].copy(),
        "columns": wide[:rows, :columns].T.copy().T,
        "gaps": wide[:rows, 1 : columns + 1],
        "scattered": wide[::2, ::2],
        "repeated": np.broadcast_to(wide[:rows, :1], (rows, columns)),
    }[lies]


@pytest.mark.parametrize(
    ("a", "b"), list(product(["rows", "columns", "gaps", "scattered", "repeated"], repeat=2))
)
@pytest.mark.parametrize("shape", [(300, 500, 310), (90, 510, 1000)], ids=["rows", "columns"])
def test_large_products(a: str, b: str, shape: tuple[int, int, int]) -> None:
    """Also of what the kernel leaves to NumPy."""
    one_blas_thread()
    m, k, n = shape
    x, y = matrix(m, k, a, 1), matrix(k, n, b, 2)
    assert len(product_grid(max(m, n), 2.0 * m * k * n)) > 1
    found = []
    for threads in (1, 2, 3):
        out = np.full((m, n), np.nan, "f4")
        Ctx(Pass(backend(compiled=True), pool=Pool(threads))).matmul(x, y, out)
        found.append(out)
    exact, sizes = x.astype("f8") @ y.astype("f8"), np.abs(x) @ np.abs(y)
    assert (np.abs(found[0] - exact) <= 1e-6 * sizes).all()
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])


def test_products_are_written_where_they_belong() -> None:
    """Into some columns of a wider array, of which no other number changes."""
    multiply = import_module("bpcli.core.compiled.product").multiply
    x, y, wide = matrix(40, 30, "rows", 1), matrix(30, 20, "columns", 2), np.zeros((40, 50), "f4")
    assert multiply(Pool(2), cut(40, 3), x, y, wide[:, 5:25])
    rigs.close(wide[:, 5:25], x @ y, 1e-6)
    assert not wide[:, :5].any() and not wide[:, 25:].any()
    assert not multiply(Pool(2), cut(40, 3), x, y, np.zeros((20, 40), "f4").T), "left to NumPy"


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid"])
def test_activations_in_blocks(name: str) -> None:
    base = import_module("bpcli.activations.base")
    function = family("activations")[name].model_validate({})
    x = np.random.default_rng(0).normal(size=(int(BLOCK_WORK // 30), 2)).astype("f4")
    found = []
    for there, threads in ((backend(), 1), *((backend(compiled=True), threads) for threads in (1, 2, 3))):
        ctx = Ctx(Pass(there, pool=Pool(threads)))
        found.append((base.activate(function, x, ctx), base.activate_backward(function, x, ctx)))
    for expected, one, *others in zip(*found, strict=True):
        rigs.close(one, expected, 1e-5)  # 1 - y² near y = 1
        assert all(np.array_equal(one, other) for other in others)


ALONE = """
import sys
sys.modules["numba.np.ufunc.omppool"] = None
import numpy as np
from bpcli.core.compiled import _team, elementwise
from bpcli.core.rows import Pool, cut
assert not _team.OPENMP
a, y = np.arange(1000, dtype="f4"), np.zeros(1000, "f4")
elementwise.add(Pool(2), cut(1000, 4), a, a, y)
assert np.array_equal(y, 2 * a)
"""


def test_without_openmp_the_pool_does_it() -> None:
    ran = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
