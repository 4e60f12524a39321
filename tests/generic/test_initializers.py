"""Every initializer: shape, precision, determinism; and of the known ones mean, spread and bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.rng import generator
from bpcli.spec.registry import family
from tests.generic import rigs

CASES = rigs.cases("initializers")
over_cases = pytest.mark.parametrize(("init", "shape"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
FAN_IN, FAN_OUT = 200, 300

#: name -> fields, mean, standard deviation, largest distance from the mean (None: unbounded).
KNOWN: dict[str, tuple[dict[str, float], float, float, float | None]] = {
    "zeros": ({}, 0.0, 0.0, 0.0),
    "ones": ({}, 1.0, 0.0, 0.0),
    "constant": ({"value": -0.3}, -0.3, 0.0, 0.0),
    "normal": ({"mean": 1.0, "std": 0.2}, 1.0, 0.2, None),
    "uniform": ({"low": -1.0, "high": 3.0}, 1.0, 4 / 12**0.5, 2.0),
    # cutting a normal at ±2σ leaves the variance σ²(1 - 2·2φ(2)/(2Φ(2) - 1))
    "truncated_normal": ({"mean": 1.0, "std": 0.2}, 1.0, 0.2 * 0.8796256610342398, 0.4),
    "glorot_normal": ({}, 0.0, (2 / (FAN_IN + FAN_OUT)) ** 0.5, None),
    "glorot_uniform": ({}, 0.0, (2 / (FAN_IN + FAN_OUT)) ** 0.5, (6 / (FAN_IN + FAN_OUT)) ** 0.5),
    "he_normal": ({}, 0.0, (2 / FAN_IN) ** 0.5, None),
    "he_uniform": ({}, 0.0, (2 / FAN_IN) ** 0.5, (6 / FAN_IN) ** 0.5),
    "lecun_normal": ({}, 0.0, (1 / FAN_IN) ** 0.5, None),
    "lecun_uniform": ({}, 0.0, (1 / FAN_IN) ** 0.5, (3 / FAN_IN) ** 0.5),
}


def draw(init: Any, shape: tuple[int, ...] = (FAN_IN, FAN_OUT), seed: int = 1) -> Any:
    return init.draw(generator(seed, "init"), shape, FAN_IN, FAN_OUT)


@over_cases
def test_shape_precision_and_determinism(init: Any, shape: tuple[int, ...]) -> None:
    values = draw(init, shape)
    assert values.shape == shape
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
    assert np.array_equal(draw(init, shape), values)
    fixed = np.ptp(values) == 0 or init.type == "identity"
    assert np.array_equal(draw(init, shape, seed=2), values) == fixed


@over_cases
def test_any_shape_of_a_parameter_can_be_drawn(init: Any, shape: tuple[int, ...]) -> None:
    for some in ((1,), (5,), (1, 7), (7, 1), (3, 3, 2, 4)):
        values = init.draw(generator(1, "init"), some, 1, 1)
        assert values.shape == some
        assert np.isfinite(values).all()


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_mean_spread_and_bounds(name: str) -> None:
    fields, mean, std, bound = KNOWN[name]
    values = draw(family("initializers")[name].model_validate(fields))
    n = values.size
    assert abs(values.mean() - mean) <= 5 * std / n**0.5 + 1e-15
    assert abs(values.std() - std) <= 5 * std / (2 * n) ** 0.5 + 1e-15  # 5 standard errors of a normal's
    farthest = np.abs(values - mean).max()
    if bound is None:
        assert farthest > 3 * std  # tails are not cut off
    else:
        assert 0.999 * bound <= farthest <= bound * (1 + 1e-15)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["normal", "uniform", "truncated_normal"])
def test_variance_scaling(mode: str, distribution: str) -> None:
    fields = {"scale": 3.0, "mode": mode, "distribution": distribution}
    values = draw(family("initializers")["variance_scaling"].model_validate(fields))
    std = (3 / {"fan_in": FAN_IN, "fan_out": FAN_OUT, "fan_avg": (FAN_IN + FAN_OUT) / 2}[mode]) ** 0.5
    assert abs(values.std() - std) <= 5 * std / (2 * values.size) ** 0.5
    assert abs(values.mean()) <= 5 * std / values.size**0.5
    edge = {"normal": 3.5, "uniform": 3**0.5, "truncated_normal": 2 / 0.8796256610342398}[distribution] * std
    assert (np.abs(values).max() <= edge * (1 + 1e-12)) == (distribution != "normal")


def test_identity() -> None:
    init = family("initializers")["identity"].model_validate({"gain": 2.0})
    assert draw(init, (2, 3)).tolist() == [[2, 0, 0], [0, 2, 0]]
    kernel = draw(init, (3, 2, 2, 2))
    assert kernel[1, 0].tolist() == [[2, 0], [0, 2]]
    assert np.count_nonzero(kernel) == 2


@pytest.mark.parametrize("shape", [(20, 30), (30, 20), (25, 25), (4, 5, 30), (6, 5, 4)])
@pytest.mark.parametrize("gain", [1.0, 2.5])
def test_orthogonal(shape: tuple[int, ...], gain: float) -> None:
    w = draw(family("initializers")["orthogonal"].model_validate({"gain": gain}), shape).reshape(
        -1, shape[-1]
    )
    shorter = w @ w.T if w.shape[0] < w.shape[1] else w.T @ w
    assert np.abs(shorter - gain**2 * np.eye(len(shorter))).max() < 1e-13


def test_orthogonal_prefers_no_sign() -> None:
    """QR alone makes the first column lean to one side; the sign of R's diagonal takes that away."""
    init = family("initializers")["orthogonal"].model_validate({})
    corner = np.array([draw(init, (4, 4), seed=seed)[0, 0] for seed in range(400)])
    assert abs(np.sign(corner).mean()) < 0.2


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("xavier_normal", "glorot_normal"), ("xavier_uniform", "glorot_uniform"),
        ("kaiming_normal", "he_normal"), ("kaiming_uniform", "he_uniform"),
    ],
)  # fmt: skip
def test_aliases(alias: str, name: str) -> None:
    assert family("initializers")[alias].model_fields["type"].default == name


def test_uniform_refuses_an_empty_range() -> None:
    with pytest.raises(ValueError, match="low is above high"):
        family("initializers")["uniform"].model_validate({"low": 1.0, "high": -1.0})
