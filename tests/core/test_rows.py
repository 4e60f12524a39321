"""Blocks of rows: the grid depends on the work alone, and the pool runs each block once."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import numpy as np
import pytest

from bpcli.core.backend import backend, one_blas_thread
from bpcli.core.ctx import Ctx, Pass
from bpcli.core.rows import BLOCK_WORK, MAX_BLOCKS, Pool, grid, product_grid


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 100, 1001])
@pytest.mark.parametrize("work", [0.0, BLOCK_WORK, 1.9 * BLOCK_WORK, 3 * BLOCK_WORK, 100 * BLOCK_WORK])
def test_the_grid_covers_every_row_once(n: int, work: float) -> None:
    blocks = grid(n, work)
    assert [i for block in blocks for i in range(block.start, block.stop)] == list(range(n))
    assert len(blocks) <= max(1, min(MAX_BLOCKS, int(work // BLOCK_WORK), n))
    assert all(block.stop > block.start for block in blocks)


def test_no_rows_are_no_blocks() -> None:
    assert grid(0, 8 * BLOCK_WORK) == []
    Pool(2).run(pytest.fail, grid(0, 0.0))


def test_small_work_is_not_cut_and_large_work_is() -> None:
    assert grid(1000, 1.9 * BLOCK_WORK) == [slice(0, 1000)]
    assert len(grid(1000, 2 * BLOCK_WORK)) == len(grid(1000, 3.9 * BLOCK_WORK)) == 2
    assert [len(product_grid(1000, work * BLOCK_WORK)) for work in (2, 100, 1000)] == [2, 4, 8]
    assert product_grid(1, 100 * BLOCK_WORK) == [slice(0, 1)]
    assert len(grid(1000, 1000 * BLOCK_WORK)) == MAX_BLOCKS


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_every_block_is_run_once(threads: int) -> None:
    pool, seen = Pool(threads), Counter[int]()
    lock = threading.Lock()

    def kernel(block: slice) -> None:
        with lock:
            seen[block.start] += 1

    for _ in range(50):
        pool.run(kernel, grid(64, 8 * BLOCK_WORK))
    assert seen == dict.fromkeys(range(0, 64, 8), 50)


def test_several_threads_really_take_part() -> None:
    """Two blocks that wait for each other can only end if two threads have them."""
    barrier = threading.Barrier(2, timeout=20)
    Pool(2).run(lambda block: barrier.wait(), [slice(0, 1), slice(1, 2)])


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_an_error_of_any_block_is_raised_and_the_pool_works_on(threads: int) -> None:
    pool = Pool(threads)

    def kernel(block: slice) -> None:
        if block.start == 24:
            raise ZeroDivisionError("block 24")

    for _ in range(5):
        with pytest.raises(ZeroDivisionError, match="block 24"):
            pool.run(kernel, grid(64, 8 * BLOCK_WORK))
    done: list[int] = []
    pool.run(lambda block: done.append(block.start), grid(64, 8 * BLOCK_WORK))
    assert sorted(done) == list(range(0, 64, 8))


@pytest.mark.parametrize(
    "shapes", [((300, 400), (400, 300)), ((64, 600), (600, 700)), ((900, 300), (300, 80))]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_matrix_product_has_the_same_bits_on_any_number_of_threads(shapes: Any, dtype: str) -> None:
    one_blas_thread()
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=shape).astype(dtype) for shape in shapes)
    work = 2.0 * a.shape[0] * a.shape[1] * b.shape[1]
    assert len(grid(max(a.shape[0], b.shape[1]), work)) > 1, "large enough to be cut"
    found = []
    for threads in (1, 2, 3):
        ctx = Ctx(Pass(backend(), pool=Pool(threads)))
        out = np.full((a.shape[0], b.shape[1]), np.nan, dtype)
        assert ctx.matmul(a, b, out) is out
        found.append(out.tobytes())
    assert found[0] == found[1] == found[2]
    exact = a.astype("float64") @ b.astype("float64")
    assert np.allclose(out, exact, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-3)


def test_a_small_product_of_transposed_views(rng_seed: int = 1) -> None:
    rng = np.random.default_rng(rng_seed)
    a, b = rng.normal(size=(5, 3)), rng.normal(size=(7, 5))
    ctx = Ctx(Pass(backend()))
    assert np.allclose(ctx.matmul(a.T, b.T, np.empty((3, 7))), a.T @ b.T, rtol=1e-14)


def test_rows_hands_out_the_grid() -> None:
    ctx, blocks = Ctx(Pass(backend())), []
    ctx.rows(100, 4 * BLOCK_WORK, blocks.append)
    assert blocks == grid(100, 4 * BLOCK_WORK)
    assert len(blocks) == 4
