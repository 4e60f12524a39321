"""`bpcli gradcheck` against PyTorch's gradcheck: the same net in float64, each as its users call it."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measures._finding import Finding, program
from benchmarks.nets import dense
from benchmarks.workload import Workload, vectors

NET = Workload(
    "gradcheck",
    "",
    (dense("dense1", 32, "tanh"), dense("dense2", 16, "tanh"), dense("head", 4)),
    vectors(160, 12, 4),
    batch=16,
)


def find(options: Any) -> Iterable[Finding]:
    ours, error = _ours(options.repeats)
    what = "gradient check of an MLP 12-32-16-4, 16 rows"
    note = f"bpcli: complex step, largest error {error:.0e}, and what both ways cost"
    if "torch" not in options.peers or not find_spec("torch"):
        yield Finding("gradient_check", what, "s", ours, note=note)
        return
    for fast, how in ((True, "one random direction each"), (False, "every coordinate")):
        yield Finding("gradient_check", what, "s", ours, f"torch, {how}", _torch(options.repeats, fast), note)


def _ours(repeats: int) -> tuple[float, float]:
    from bpcli.spec.load import load_mapping
    from bpcli.train.gradients import gradcheck

    with tempfile.TemporaryDirectory(prefix="bpcli-bench-") as name:
        folder = Path(name)
        loaded = load_mapping(NET.config(NET.data(folder, np.random.default_rng(7)), 1), folder=folder)
        found = gradcheck(loaded)
        assert found["passed"]
        return _median(lambda: gradcheck(loaded), repeats), found["max_relative_error"]


def _torch(repeats: int, fast: bool) -> float:
    import torch
    from torch import nn

    torch.manual_seed(1)
    torch.set_num_threads(1)  # as bpcli's; a net of this size is slower on two
    sizes = [12, 32, 16, 4]
    shapes = [shape for a, b in pairwise(sizes) for shape in ((b, a), (b,))]
    given = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    x = torch.randn(16, 12, dtype=torch.float64, requires_grad=True)
    wanted = torch.randint(0, 4, (16,))

    def loss(x: Any, *p: Any) -> Any:
        for k in range(0, len(p), 2):
            x = nn.functional.linear(x, p[k], p[k + 1])
            x = torch.tanh(x) if k + 2 < len(p) else x
        return nn.functional.cross_entropy(x, wanted)

    return _median(lambda: torch.autograd.gradcheck(loss, (x, *given), fast_mode=fast), repeats)


def _median(work: Callable[[], Any], repeats: int) -> float:
    times: list[float] = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    program(find)
