"""Pools, padding and upsampling: known values, ties, what counts, and what cannot be built."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.store import Decl, Plan
from bpcli.errors import BuildError
from bpcli.spec.registry import family
from tests.generic.rigs import rig


def layer(name: str, **fields: Any) -> Any:
    return family("layers")[name].model_validate({"type": name, **fields})


def run(name: str, x: Any, dy: Any = None, **fields: Any) -> tuple[Any, Any]:
    """y and dx for one image or sequence of one channel."""
    x = np.array(x, float)[None, ..., None]
    r = rig(layer(name, **fields), x.shape[1:])
    y = r.forward(x).copy()
    dy = np.ones(y.shape) if dy is None else np.array(dy, float).reshape(y.shape)
    dx = r.backward(dy)
    return (y[0] if y.ndim == 2 else y[0, ..., 0]).tolist(), dx[0, ..., 0].tolist()


def test_max_pool_by_hand() -> None:
    y, dx = run("max_pool2d", [[1, 5, 2], [4, 3, 9], [7, 8, 6]], [[10, 20], [30, 40]], size=2, stride=1)
    assert y == [[5, 9], [8, 9]]
    assert dx == [[0, 10, 0], [0, 0, 60], [0, 30, 0]]


def test_the_first_of_equal_values_takes_all_row_by_row() -> None:
    _, dx = run("max_pool2d", [[0, 7], [7, 7]], size=2)
    assert dx == [[0, 1], [0, 0]]
    _, dx = run("max_pool1d", [3, 3, 3, 3], size=3, stride=1)
    assert dx == [1, 1, 0, 0]
    _, dx = run("global_max_pool", [[2, 5], [5, 5]])
    assert dx == [[0, 1], [0, 0]]


def test_padding_is_never_the_largest() -> None:
    y, _ = run("max_pool1d", [-5, -3, -4], size=3, stride=1, padding=1)
    assert y == [-3, -3, -3]


@pytest.mark.parametrize(("counted", "expected"), [(False, [1.5, 2, 2.5]), (True, [1, 2, 5 / 3])])
def test_whether_padding_counts_in_a_mean(counted: bool, expected: list[float]) -> None:
    y, dx = run("avg_pool1d", [1, 2, 3], size=3, stride=1, padding="same", count_include_pad=counted)
    assert y == pytest.approx(expected)
    assert sum(dx) == pytest.approx(7 / 3 if counted else 3)


def test_the_stride_is_the_size_and_the_rest_is_left_out() -> None:
    y, dx = run("avg_pool1d", [1, 3, 5, 7, 100])
    assert y == [2, 6]
    assert dx == [0.5, 0.5, 0.5, 0.5, 0]
    assert layer("max_pool2d", size=[3, 2]).build((7, 7, 1), Decl(Plan())) == (2, 3, 1)


def test_global_mean() -> None:
    y, dx = run("global_avg_pool", [[1, 2], [3, 6]])
    assert y == [3]
    assert dx == [[0.25, 0.25], [0.25, 0.25]]


def test_zero_padding() -> None:
    y, dx = run("zero_pad2d", [[1, 2]], [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]], padding=[[1, 0], [1, 2]])
    assert y == [[0, 0, 0, 0, 0], [0, 1, 2, 0, 0]]
    assert dx == [[7, 8]]


def test_upsampling() -> None:
    y, dx = run("upsample2d", [[1, 2]], size=[2, 3])
    assert y == [[1, 1, 1, 2, 2, 2]] * 2
    assert dx == [[6, 6]]
    y, dx = run("upsample2d", [[0, 4]], size=[1, 2], interpolation="bilinear")
    assert y == [[0, 1, 3, 4]]
    assert dx == [[2, 2]]


def test_nan_goes_through_a_maximum() -> None:
    """So that a diverged net is seen."""
    y, _ = run("max_pool1d", [np.nan, 1, 2, 3])
    assert np.isnan(y[0])
    assert y[1] == 3


@pytest.mark.parametrize(
    ("name", "shape", "fields", "message"),
    [
        ("max_pool2d", (8, 8), {}, r"takes inputs of shape \(h, w, c\)"),
        ("avg_pool1d", (8, 8, 3), {}, r"takes inputs of shape \(t, c\)"),
        ("max_pool2d", (2, 2, 1), {"size": 3}, "spans 3 values, and there are only 2"),
        ("avg_pool1d", (6, 1), {"size": 2, "padding": 2}, "nothing but padding"),
        ("max_pool1d", (1, 1), {"size": 2, "dilation": 2, "padding": 1}, "nothing but padding"),
        ("global_avg_pool", (8,), {}, r"takes inputs of shape \(t, c\) or \(h, w, c\), got \(8,\)"),
        ("global_max_pool", (8,), {}, r"takes inputs of shape \(t, c\) or \(h, w, c\), got \(8,\)"),
        ("zero_pad2d", (8, 8), {}, r"takes inputs of shape \(h, w, c\)"),
        ("upsample2d", (8,), {}, r"takes inputs of shape \(h, w, c\)"),
    ],
)
def test_what_cannot_be_built(name: str, shape: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(BuildError, match=message):
        layer(name, **fields).build(shape, Decl(Plan()))
