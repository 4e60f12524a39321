"""Layers and activations against numbers that were worked out by hand, or are in every table."""

from __future__ import annotations

from math import e, erf, exp, log, sqrt
from typing import Any

import numpy as np
import pytest

from bpcli.core.cplx import erf as our_erf
from bpcli.spec.registry import family
from tests.generic.rigs import rig


def layer(name: str, **fields: Any) -> Any:
    found: Any = family("layers")[name].model_validate(fields)
    return found.expand()


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("relu", [-1.0, 2.0], [0.0, 2.0]),
        ("leaky_relu", [-1.0, 2.0], [-0.01, 2.0]),
        ("sigmoid", [0.0, log(3.0)], [0.5, 0.75]),
        ("tanh", [0.0, log(2.0)], [0.0, 0.6]),
        ("softmax", [log(1.0), log(3.0)], [0.25, 0.75]),
        ("linear", [-1.5, 2.0], [-1.5, 2.0]),
        ("elu", [-1.0, 2.0], [1 / e - 1, 2.0]),
        ("selu", [-1.0, 1.0], [1.0507009873554805 * 1.6732632423543772 * (1 / e - 1), 1.0507009873554805]),
        ("gelu", [1.0, -1.0], [0.8413447460685429, -0.15865525393145707]),
        ("silu", [log(3.0), 0.0], [0.75 * log(3.0), 0.0]),
        ("softplus", [0.0, log(e - 1)], [log(2.0), 1.0]),
    ],
)
def test_activation(name: str, x: list[float], y: list[float]) -> None:
    r = rig(layer("activation", function=name), (2,))
    assert r.forward(np.array([x]))[0] == pytest.approx(y, rel=1e-14, abs=1e-16)


def test_dense_is_a_matrix_product() -> None:
    r = rig(layer("dense", units=2), (2,))
    r.p.W[...] = [[1.0, 2.0], [3.0, 4.0]]
    r.p.b[...] = [0.5, -0.5]
    x, dy = np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[1.0, 0.0], [2.0, 1.0]])
    assert r.forward(x).tolist() == [[7.5, 9.5], [-2.5, -4.5]]
    assert r.backward(dy).tolist() == [[1.0, 3.0], [4.0, 10.0]]
    assert r.g.W.tolist() == [[1.0, 0.0], [0.0, -1.0]]
    assert r.g.b.tolist() == [3.0, 1.0]


def test_batch_norm_of_four_numbers() -> None:
    """1, 3, 5, 7: mean 4, variance 5 (of the batch) and 20/3 (unbiased)."""
    r = rig(layer("batch_norm", momentum=0.5, eps=4.0), (1,), training=True)
    r.p.gamma[...], r.p.beta[...] = 3.0, 1.0
    r.p.running_mean[...], r.p.running_var[...] = 10.0, 2.0
    y = r.forward(np.array([[1.0], [3.0], [5.0], [7.0]]))  # √(5 + 4) = 3, so γ / σ = 1
    assert y[:, 0] == pytest.approx([-2.0, 0.0, 2.0, 4.0])
    r.ctx.commit(r.p)
    assert r.p.running_mean[0] == pytest.approx(7.0)
    assert r.p.running_var[0] == pytest.approx(1.0 + 10.0 / 3.0)
    dx = r.backward(np.array([[1.0], [0.0], [0.0], [0.0]]))  # 1 - ¼ - (-3)(-3)/(9·4), -¼ - (-1)(-3)/36, …
    assert dx[:, 0] == pytest.approx([0.5, -1 / 3, -1 / 6, 0.0], abs=1e-15)
    assert r.g.gamma[0] == pytest.approx(-1.0)
    assert r.g.beta[0] == pytest.approx(1.0)


def test_residual_adds_its_input() -> None:
    r = rig(layer("residual", layers=[{"type": "dense", "units": 2, "bias": False}]), (2,))
    r.p["dense1"].W[...] = [[0.0, 1.0], [0.0, 0.0]]
    assert r.forward(np.array([[2.0, 3.0]])).tolist() == [[2.0, 5.0]]
    assert r.backward(np.array([[1.0, 10.0]])).tolist() == [[11.0, 10.0]]


def test_gelu_tanh_form_is_near_the_exact_one() -> None:
    x = np.linspace(-5.0, 5.0, 1001).reshape(-1, 1)
    exact = rig(layer("activation", function="gelu"), (1,)).forward(x)
    tanh_form = rig(layer("activation", function={"type": "gelu", "approximate": True}), (1,)).forward(x)
    assert 1e-4 < np.abs(exact - tanh_form).max() < 5e-4


def test_erf_against_the_standard_library() -> None:
    x = np.concatenate([np.linspace(-7.0, 7.0, 2001), [0.46875, -0.46875, 4.0, -4.0, 1e-300, 0.0]])
    expected = np.array([erf(value) for value in x])
    assert np.abs(our_erf(x, np) - expected).max() <= 2.3e-16
    z = our_erf(x + 1e-20j, np)
    assert z.imag / 1e-20 == pytest.approx([2 / sqrt(np.pi) * exp(-value * value) for value in x], rel=1e-14)
    single = our_erf(x.astype("float32"), np)
    assert single.dtype == np.float32
    assert np.abs(single - expected).max() < 3e-7
