"""Losses of values and the focal ones against PyTorch, value and gradient, in float64."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import pytest

from bpcli.data.records import Target
from bpcli.errors import ConfigError
from bpcli.losses.base import Loss
from bpcli.losses.binary_focal import BinaryFocal
from bpcli.losses.cosine import Cosine
from bpcli.losses.focal import Focal
from bpcli.losses.gaussian_nll import GaussianNll
from bpcli.losses.kl_divergence import KlDivergence
from bpcli.losses.log_cosh import LogCosh
from bpcli.losses.mape import Mape
from bpcli.losses.msle import Msle
from bpcli.losses.poisson import Poisson
from bpcli.losses.quantile import Quantile
from bpcli.losses.squared_hinge import SquaredHinge
from bpcli.losses.weighted_sum import WeightedSum
from tests.reference.compare import oracle
from tests.reference.values import N, compare, normal, torch

F = torch.nn.functional
LABELS = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1])
CLASSES = np.array([0, 1, 2, 3, 0, 1, 2, 3, 3])
BIG = np.array([1.0, 10.0, 40.0])


SEEDS = (0, 11, 12, 13)


def positive(*shape: int, seed: int = 3) -> Any:
    return np.random.default_rng(seed).gamma(2.0, 2.0, shape)


@oracle("losses", "log_cosh", by="autograd")
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("size", [1e-3, 1.0, 100.0])
def test_log_cosh(d: int, size: float) -> None:
    def reference(y: Any, t: Any) -> Any:
        a = (y - t).abs()
        small = torch.log1p(2 * torch.sinh(a.clamp(max=1) / 2) ** 2)
        return torch.where(a < 1, small, a + F.softplus(-2 * a, threshold=700.0) - log(2)).mean()

    compare(LogCosh(), size * normal(N, d), size * normal(N, d, seed=1), reference)


@oracle("losses", "poisson")
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_poisson(d: int, seed: int) -> None:
    t = np.round(positive(N, d))
    compare(Poisson(), normal(N, d, seed=seed), t, lambda y, t: F.poisson_nll_loss(y, t, log_input=True))


@oracle("losses", "msle", "mape", by="autograd")
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_losses_of_positive_values(d: int, seed: int) -> None:
    y, t = positive(N, d, seed=seed) + 0.3, positive(N, d)
    compare(Msle(), y, t, lambda y, t: F.mse_loss(torch.log1p(y), torch.log1p(t)))
    y, t = normal(N, d, seed=seed), normal(N, d, seed=1)
    compare(Mape(), y, t, lambda y, t: ((y - t).abs() / t.abs()).mean())


@oracle("losses", "msle", by="autograd")
def test_msle_goes_on_along_its_tangent_below_zero() -> None:
    compare(
        Msle(),
        normal(N, 3),
        positive(N, 3),
        lambda y, t: F.mse_loss(torch.where(y > 0, torch.log1p(y.clamp(min=0)), y), torch.log1p(t)),
    )


@oracle("losses", "cosine", "kl_divergence")
@pytest.mark.parametrize("d", [2, 5])
@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0])
def test_cosine_and_kl_divergence(d: int, size: float) -> None:
    y, t = size * normal(N, d), normal(N, d, seed=1)
    compare(Cosine(), y, t, lambda y, t: (1 - F.cosine_similarity(y, t, dim=1)).mean())
    q = np.random.default_rng(2).dirichlet(np.ones(d), N)
    q[0] = 0
    q[0, 1] = 1
    reference = lambda y, t: F.kl_div(F.log_softmax(y, 1), t, reduction="batchmean")  # noqa: E731
    compare(KlDivergence(), y, q, reference)


@oracle("losses", "cosine")
def test_an_output_without_a_length_has_a_finite_gradient() -> None:
    y, t = np.zeros((2, 3)), np.ones((2, 3))
    compare(Cosine(), y, t, lambda y, t: (1 - F.cosine_similarity(y, t, dim=1)).mean())


@oracle("losses", "quantile", by="autograd")
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("q", [0.5, 0.9, (0.1, 0.5, 0.8)])
def test_quantile(d: int, q: Any) -> None:
    levels = torch.tensor(q if isinstance(q, tuple) else [q], dtype=torch.float64)

    def pinball(y: Any, t: Any) -> Any:
        e = t[:, :, None] - y.reshape(N, d, -1)
        return torch.maximum(levels * e, (levels - 1) * e).mean()

    compare(Quantile(q=q), normal(N, d * len(levels)), normal(N, d, seed=1), pinball)


@oracle("losses", "gaussian_nll")
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_gaussian_nll(d: int, seed: int) -> None:
    y, t = normal(N, 2 * d, seed=seed), normal(N, d, seed=1)
    compare(
        GaussianNll(), y, t, lambda y, t: F.gaussian_nll_loss(y[:, :d], t, torch.exp(y[:, d:]), eps=1e-300)
    )


@oracle("losses", "squared_hinge", by="autograd")
@pytest.mark.parametrize("size", [1.0, 30.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_squared_hinge(size: float, seed: int) -> None:
    def one(y: Any, t: Any) -> Any:
        return ((1 - (2 * t - 1) * y[:, 0]).clamp(min=0) ** 2).mean()

    compare(SquaredHinge(), size * normal(N, 1, seed=seed), LABELS, one)
    several = lambda y, t: ((1 - (2 * F.one_hot(t, 4) - 1) * y).clamp(min=0) ** 2).mean()  # noqa: E731
    compare(SquaredHinge(), size * normal(N, 4, seed=seed), CLASSES, several)


@oracle("losses", "focal", by="autograd")
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_focal_of_classes(gamma: float, seed: int) -> None:
    def reference(y: Any, t: Any) -> Any:
        logp = F.log_softmax(y, 1)[torch.arange(N), t]
        return -((1 - logp.exp()) ** gamma * logp).mean()

    compare(Focal(gamma=gamma), normal(N, 4, seed=seed), CLASSES, reference)


@oracle("losses", "binary_focal", by="autograd")
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("alpha", [None, 0.25])
def test_focal_of_columns(gamma: float, alpha: float | None) -> None:
    def reference(y: Any, t: Any) -> Any:  # what torchvision.ops.sigmoid_focal_loss computes
        t = t.double().reshape(y.shape)
        cells = F.binary_cross_entropy_with_logits(y, t, reduction="none")
        z = (2 * t - 1) * y
        cells = torch.exp(gamma * F.logsigmoid(-z)) * cells
        return (cells if alpha is None else (alpha * t + (1 - alpha) * (1 - t)) * cells).mean()

    loss = BinaryFocal(gamma=gamma, alpha=alpha)
    compare(loss, normal(N, 3) * BIG, (normal(N, 3, seed=1) > 0).astype(float), reference)
    compare(loss, normal(N, 1), LABELS, reference)


@oracle("losses", "weighted_sum")
@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.25, 3.0)])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_sum_over_several_targets(weights: tuple[float, float], weighted: bool) -> None:
    """Two values beside four classes, each with its share; sample weights hold for both."""
    values = Target("values", ("a", "b"), rows=N, mean=(0.0, 0.0))
    classes = Target("classes", ("c",), tuple("wxyz"), (2, 2, 2, 3), N)
    target = Target("several", ("a", "b", "c"), rows=N, parts=(values, classes), names=("a_b", "c"))
    loss = WeightedSum.model_validate(
        {
            "parts": [
                {"target": ["a", "b"], "loss": "huber", "weight": weights[0]},
                {"target": "c", "loss": "cross_entropy", "weight": weights[1]},
            ]
        }
    ).bound(target)
    t = np.column_stack([normal(N, 2, seed=1), CLASSES])
    weight = np.random.default_rng(4).gamma(1.0, size=N) if weighted else None
    w = torch.ones(N, dtype=torch.float64) if weight is None else torch.tensor(weight)

    def reference(y: Any, t: Any) -> Any:
        place = F.huber_loss(y[:, :2], t[:, :2], reduction="none").mean(1)
        kind = F.cross_entropy(y[:, 2:], t[:, 2].long(), reduction="none")
        return (w * (weights[0] * place + weights[1] * kind)).sum() / w.sum()

    compare(loss, normal(N, 6), t, reference, weight)


def test_a_sure_focal_loss_keeps_its_digits() -> None:
    """Where p is 1 to the last bit, u = 1 - p is not 0: the others' probabilities are known exactly."""
    y = np.array([[50.0, 0.0, 0.0]])
    losses, _ = Focal().rows(y, np.array([0]), _workspace())
    assert losses[0] == pytest.approx((2 * np.exp(-50.0)) ** 3, rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "y"),
    [(Poisson(), -1.0), (Msle(), -0.5), (KlDivergence(), -0.1), (Mape(), 0.0)],
    ids=["poisson", "msle", "kl_divergence", "mape"],
)
def test_targets_that_mean_nothing_are_refused_before_training(loss: Loss, y: float) -> None:
    target = Target("values", ("a", "b"), rows=2, mean=(1.0, 1.0))
    loss.check(np.ones((2, 2)), target)
    with pytest.raises(ConfigError, match=r"not defined for .* targets, and a, b has 1 in training"):
        loss.check(np.array([[1.0, 2.0], [y, 1.0]]), target)


def test_one_column_has_no_direction_and_is_no_distribution() -> None:
    target = Target("values", ("a",), rows=2, mean=(1.0,))
    for loss in (Cosine(), KlDivergence()):
        with pytest.raises(ConfigError):
            loss.units(target)


def test_quantiles_must_ascend() -> None:
    for wrong in ((0.5, 0.1), (0.5, 0.5), ()):
        with pytest.raises(ValueError, match="ascending"):
            Quantile(q=wrong)


def test_details_are_what_the_outputs_say_beside_the_prediction() -> None:
    y = np.arange(12.0).reshape(2, 6)
    loss = Quantile(q=(0.1, 0.6, 0.9))  # two columns of three quantiles
    assert loss.predict(y, np).tolist() == [[1, 4], [7, 10]]
    assert {name: found.tolist() for name, found in loss.details(y, np).items()} == {
        "q0.1": [[0, 3], [6, 9]], "q0.6": [[1, 4], [7, 10]], "q0.9": [[2, 5], [8, 11]],
    }  # fmt: skip
    assert Quantile().details(y, np) == {}
    y = np.array([[5.0, log(4.0)]])
    found = GaussianNll().details(y, np)
    assert (found["low"].item(), found["high"].item()) == pytest.approx((3.0, 7.0))


def _workspace() -> Any:
    from bpcli.core.backend import backend
    from bpcli.core.ctx import Ctx, Pass

    return Ctx(Pass(backend()))
