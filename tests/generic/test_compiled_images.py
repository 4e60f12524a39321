"""The compiled convolutions and pools against the NumPy forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.backend import backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.core.rows import Pool
from bpcli.core.windows import Axis
from bpcli.errors import BuildError
from bpcli.layers._conv import correlate
from bpcli.spec.registry import family
from tests.generic import rigs
from tests.generic.compiled import Spied, both, spied

pytest.importorskip("numba")


@pytest.mark.parametrize("seed", range(60))
def test_drawn_convolutions(seed: int) -> None:
    layer, shape = drawn(seed)
    expected, found = both(layer, shape, n=3)
    for a, b in zip(found, expected, strict=True):
        rigs.close(a, b, 3e-6)


def drawn(seed: int) -> tuple[Any, tuple[int, ...]]:
    """A convolution that is built, and the shape of its images."""
    rng = np.random.default_rng(seed)
    name = ("conv2d", "conv2d", "conv2d_transpose")[seed % 3]
    while True:
        shape = (*(int(k) for k in rng.integers(1, 15, 2)), int(rng.choice([1, 3, 7, 16, 20])))
        fields = {
            "filters": int(rng.choice([1, 5, 16, 17, 32, 40])),
            "kernel": rng.integers(1, 5, 2).tolist(),
            "stride": rng.integers(1, 4, 2).tolist(),
            "padding": [["valid", "same"][seed % 2], rng.integers(0, 4, (2, 2)).tolist()][
                int(rng.integers(2))
            ],
            "bias": bool(rng.integers(2)),
        }
        layer = family("layers")[name].model_validate(fields)
        try:
            rigs.rig(layer, shape)
        except BuildError:
            continue
        return layer, shape


@pytest.mark.parametrize("shape", [(3, 900, 5), (200, 40, 3), (1, 3000, 2)])
def test_images_that_no_cache_holds(shape: tuple[int, ...]) -> None:
    """Of these dW is added up in pieces."""
    fields = {"filters": 7, "kernel": [1, 3], "stride": [1, 2]}
    layer = family("layers")["conv2d"].model_validate(fields)
    expected, found = both(layer, shape, n=2)
    for a, b in zip(found, expected, strict=True):
        rigs.close(a, b, 1e-5)


def test_images_that_do_not_lie_in_one_piece() -> None:
    x, V = rigs.draw(2, (3, 9, 8), 1, "float32"), rigs.draw(1, (18, 16), 2, "float32")
    axes, found = (Axis(9, 3), Axis(8, 2)), []
    for there in (backend(), Spied()):
        y = np.empty((2, 7, 7, 16), "f4")
        found.append(correlate(x.transpose(0, 2, 3, 1), V, None, y, axes, Ctx(Pass(there))))
    rigs.close(found[1], found[0], 1e-6)


@pytest.mark.parametrize("name", ["conv2d", "max_pool2d"])
def test_the_bits_of_images_do_not_depend_on_the_threads(name: str) -> None:
    fields = {"filters": 40, "kernel": 3, "stride": 2} if name == "conv2d" else {}
    layer = family("layers")[name].model_validate(fields)
    one, two, three = (both(layer, (24, 24, 24), n=64, pool=Pool(threads))[1] for threads in (1, 2, 3))
    for a, b, c in zip(one, two, three, strict=True):
        assert np.array_equal(a, b) and np.array_equal(a, c)


def test_what_is_not_a_number_is_the_largest_of_its_window() -> None:
    for at in range(4):
        x = np.ones((1, 2, 2, 3), "f4")
        x[0, at // 2, at % 2, 1] = np.nan
        r = spied(family("layers")["max_pool2d"].model_validate({}), (2, 2, 3))
        assert np.isnan(r.forward(x)).ravel().tolist() == [False, True, False]
