"""Agreement, calibration and rank metrics against scikit-learn and SciPy."""

from __future__ import annotations

from math import isnan
from typing import Any

import numpy as np
import pytest

from bpcli.data.records import Target
from bpcli.losses.binary_cross_entropy import BinaryCrossEntropy
from bpcli.losses.cross_entropy import CrossEntropy
from bpcli.losses.hinge import Hinge
from bpcli.losses.mse import Mse
from bpcli.metrics._prediction import Prediction
from bpcli.metrics.balanced_accuracy import BalancedAccuracy
from bpcli.metrics.brier import Brier
from bpcli.metrics.ece import Ece
from bpcli.metrics.kappa import Kappa
from bpcli.metrics.log_loss import LogLoss
from bpcli.metrics.mape import Mape
from bpcli.metrics.mase import Mase
from bpcli.metrics.mcc import Mcc
from bpcli.metrics.pearson import Pearson
from bpcli.metrics.pr_auc import PrAuc
from bpcli.metrics.smape import Smape

sk = pytest.importorskip("sklearn.metrics")

from tests.reference.compare import oracle  # noqa: E402
from tests.reference.test_metrics_sklearn import SEEDS, N, classes, same  # noqa: E402

LOSS = CrossEntropy()


@oracle("metrics", "balanced_accuracy", "mcc", "kappa", by="scikit-learn")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [2, 5])
def test_agreement_of_classes(k: int, seed: int) -> None:
    target, y, t = classes(k, seed)
    y[:, k - 1] -= 2  # a class that is hardly ever predicted
    labels = y.argmax(1)
    same(BalancedAccuracy(), sk.balanced_accuracy_score(t, labels), target, y, t, LOSS)
    same(Mcc(), sk.matthews_corrcoef(t, labels), target, y, t, LOSS)
    for weights in ("none", "linear", "quadratic"):
        expected = sk.cohen_kappa_score(t, labels, weights=None if weights == "none" else weights)
        same(Kappa(weights=weights), expected, target, y, t, LOSS)


@oracle("metrics", "log_loss", by="scikit-learn")
@oracle("metrics", "brier", by="scikit-learn")
@pytest.mark.parametrize("seed", SEEDS)
def test_probabilities(seed: int) -> None:
    target, y, t = classes(5, seed)
    p = LOSS.predict(y, np)
    same(LogLoss(), sk.log_loss(t, p), target, y, t, LOSS)
    same(Brier(), ((p - np.eye(5)[t]) ** 2).sum(1).mean(), target, y, t, LOSS)
    two, y, t = classes(2, seed, columns=1)
    loss = BinaryCrossEntropy()
    p = loss.predict(y, np)[:, 1]
    same(LogLoss(), sk.log_loss(t, p), two, y, t, loss)
    same(Brier(), sk.brier_score_loss(t, p), two, y, t, loss)
    columns = Target("binary_columns", ("u", "v"), counts=(1, 1), rows=N)
    t = np.stack([t, 1 - t], axis=1).astype(float)
    y = np.concatenate([y, y], axis=1)
    expected = np.mean([sk.brier_score_loss(t[:, j], loss.predict(y, np)[:, j]) for j in range(2)])
    same(Brier(), expected, columns, y, t, loss)


@oracle("metrics", "ece", by="formula")
@pytest.mark.parametrize("bins", [1, 10, 15])
def test_calibration_error_bin_by_bin(bins: int) -> None:
    target, y, t = classes(4, 1)
    p = LOSS.predict(y, np)
    confidence, right = p.max(1), p.argmax(1) == t
    expected = 0.0
    for low in np.arange(bins) / bins:
        inside = (confidence >= low) & (confidence < low + 1 / bins)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    same(Ece(bins=bins), expected, target, y, t, LOSS)


@oracle("metrics", "pr_auc", by="scikit-learn")
@pytest.mark.parametrize("seed", SEEDS)
def test_pr_auc(seed: int) -> None:
    target, y, t = classes(2, seed)
    y = np.round(4 * y) / 4
    expected = sk.average_precision_score(t, y[:, 1] - y[:, 0])
    same(PrAuc(), expected, target, y, t, LOSS)
    target, y, t = classes(4, seed)
    expected = sk.average_precision_score(np.eye(4)[t], LOSS.predict(y, np), average="macro")
    same(PrAuc(), expected, target, y, t, LOSS)


@oracle("metrics", "mape", by="scikit-learn")
@oracle("metrics", "pearson", by="formula")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("d", [1, 3])
def test_values(d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = rng.normal(size=(N, d)) * [1, 10, 100][:d] + [5, -20, 1000][:d]
    y = 2 * t + rng.normal(size=(N, d))
    target = Target("values", ("x", "y", "z")[:d], rows=N, mean=tuple(t.mean(0) + 1))
    same(Mape(), sk.mean_absolute_percentage_error(t, y), target, y, t, Mse())
    expected = np.mean([np.corrcoef(y[:, j], t[:, j])[0, 1] for j in range(d)])
    same(Pearson(), expected, target, y, t, Mse())


@oracle("metrics", "smape", "mase", by="formula")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("d", [1, 3])
def test_errors_of_series(d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = rng.normal(size=(N, d)) * [1, 10, 100][:d]
    y = t + rng.normal(size=(N, d))
    y[0] = t[0] = 0
    scale = (0.5, 7.0, 30.0)[:d]  # the errors of the naive forecast, as the training part shows them
    target = Target("values", ("x", "y", "z")[:d], rows=N, mean=tuple(t.mean(0)), scale=scale)
    shares = [
        2 * abs(a - b) / (abs(a) + abs(b)) if a or b else 0.0 for a, b in zip(y.flat, t.flat, strict=True)
    ]
    same(Smape(), sum(shares) / len(shares), target, y, t, Mse())
    expected = np.mean([sk.mean_absolute_error(t[:, j], y[:, j]) / scale[j] for j in range(d)])
    same(Mase(), expected, target, y, t, Mse())


def _score(metric: Any, target: Target, y: Any, t: Any, loss: Any) -> Any:
    prediction = Prediction(np.asarray(y, float), np.asarray(t), loss)
    return metric.value(metric.sums(prediction, target), target)


def test_where_they_are_undefined() -> None:
    one = Target("values", ("x",), rows=3, mean=(0.0,))
    assert isnan(_score(Mape(), one, [[1.0], [2.0]], [[1.0], [0.0]], Mse()))
    assert isnan(_score(Pearson(), one, [[1.0], [1.0]], [[1.0], [2.0]], Mse()))
    two = Target("classes", ("c",), ("a", "b"), (1, 1), 2)
    same = ([[1.0, 0.0]] * 3, [0, 0, 0])
    assert isnan(_score(Kappa(), two, *same, LOSS))
    assert _score(Mcc(), two, *same, LOSS) == 0
    assert isnan(_score(PrAuc(), two, *same, LOSS))
    assert isnan(_score(Ece(), two, [[np.nan, 0.0]], [0], LOSS))


def test_labels_and_refusals() -> None:
    from bpcli.errors import ConfigError

    assert [Kappa().label(), Kappa(weights="linear").label()] == ["kappa", "kappa_linear"]
    two = Target("classes", ("c",), ("a", "b"), (1, 1), 2)
    for metric in (LogLoss(), Brier(), Ece()):
        with pytest.raises(ConfigError, match=f"{metric.type} needs probabilities, and hinge gives none"):
            metric.check(two, Hinge())
