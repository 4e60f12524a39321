"""Every metric with a counterpart in scikit-learn, against it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.data.records import Target
from bpcli.losses.base import Loss
from bpcli.losses.binary_cross_entropy import BinaryCrossEntropy
from bpcli.losses.cross_entropy import CrossEntropy
from bpcli.losses.mse import Mse
from bpcli.metrics._prediction import Prediction
from bpcli.metrics.accuracy import Accuracy
from bpcli.metrics.base import Metric
from bpcli.metrics.confusion_matrix import ConfusionMatrix
from bpcli.metrics.f1 import F1
from bpcli.metrics.mae import Mae
from bpcli.metrics.mse import Mse as MseMetric
from bpcli.metrics.perplexity import Perplexity
from bpcli.metrics.precision import Precision
from bpcli.metrics.r2 import R2
from bpcli.metrics.recall import Recall
from bpcli.metrics.rmse import Rmse
from bpcli.metrics.roc_auc import RocAuc
from bpcli.metrics.top_k import TopK

sk = pytest.importorskip("sklearn.metrics")

SEEDS = range(4)
N = 80


def score(metric: Metric, target: Target, y: Any, t: Any, loss: Loss) -> Any:
    """The metric, its sums taken over three batches."""
    cuts = (slice(0, 11), slice(11, 50), slice(50, N))
    parts = [metric.sums(Prediction(y[rows], t[rows], loss), target) for rows in cuts]
    return metric.value(np.concatenate(parts) if metric.whole else np.sum(parts, axis=0), target)


def classes(k: int, seed: int, columns: int | None = None) -> tuple[Target, Any, Any]:
    rng = np.random.default_rng(seed)
    target = Target("classes", ("c",), tuple("abcdefgh"[:k]), (1,) * k, k)
    y = np.round(rng.normal(size=(N, columns or k)), 1)  # with ties
    return target, y, np.concatenate([np.arange(k), rng.integers(0, k, N - k)])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("average", ["macro", "micro", "weighted", "none"])
@pytest.mark.parametrize(
    ("metric", "name"), [(Precision, "precision_score"), (Recall, "recall_score"), (F1, "f1_score")]
)
def test_averages_over_classes(metric: Any, name: str, average: str, seed: int):
    target, y, t = classes(5, seed)
    y[:, 4] -= 3  # a class that is hardly ever predicted
    expected = getattr(sk, name)(
        t, y.argmax(1), average=None if average == "none" else average, zero_division=0
    )
    assert score(metric(average=average), target, y, t, CrossEntropy()) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_a_class_that_does_not_occur(average: Any):
    target, y, t = classes(5, 0)
    t[t == 3] = 2
    y[:, 3] = -100
    for metric, name in ((Precision, "precision_score"), (Recall, "recall_score"), (F1, "f1_score")):
        expected = getattr(sk, name)(t, y.argmax(1), average=average, zero_division=0)
        assert score(metric(average=average), target, y, t, CrossEntropy()) == pytest.approx(expected)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("average", ["macro", "micro", "weighted", "none"])
def test_averages_over_columns(average: Any, seed: int):
    rng = np.random.default_rng(seed)
    target = Target("binary_columns", ("u", "v", "w"), counts=(1, 1, 1), rows=N)
    y, t = rng.normal(size=(N, 3)), rng.integers(0, 2, (N, 3)).astype(float)
    t[:, 2] = 0
    y[:, 2] = -1 if seed % 2 else 1
    for metric, name in ((Precision, "precision_score"), (Recall, "recall_score"), (F1, "f1_score")):
        expected = getattr(sk, name)(
            t, y > 0, average=None if average == "none" else average, zero_division=0
        )
        value = score(metric(average=average), target, y, t, BinaryCrossEntropy())
        assert value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_classes_by_one_output(seed: int):
    target, y, t = classes(2, seed, columns=1)
    loss = BinaryCrossEntropy()
    labels = (y[:, 0] > 0).astype(int)
    for metric, name in ((Precision, "precision_score"), (Recall, "recall_score"), (F1, "f1_score")):
        assert score(metric(), target, y, t, loss) == pytest.approx(getattr(sk, name)(t, labels))
        expected = getattr(sk, name)(t, labels, pos_label=0)
        assert score(metric(positive="a"), target, y, t, loss) == pytest.approx(expected)
    assert score(Accuracy(), target, y, t, loss) == pytest.approx(sk.accuracy_score(t, labels))
    assert score(RocAuc(), target, y, t, loss) == pytest.approx(sk.roc_auc_score(t, y[:, 0]), rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_confusion_top_k_and_perplexity(seed: int):
    target, y, t = classes(5, seed)
    loss = CrossEntropy()
    assert score(ConfusionMatrix(), target, y, t, loss) == sk.confusion_matrix(t, y.argmax(1)).tolist()
    smooth = y + 1e-6 * np.random.default_rng(9).normal(size=y.shape)  # scikit-learn breaks ties otherwise
    for k in (1, 2, 4):
        expected = sk.top_k_accuracy_score(t, smooth, k=k)
        assert score(TopK(k=k), target, smooth, t, loss) == pytest.approx(expected)
    log_loss = sk.log_loss(t, loss.predict(y, np))
    assert score(Perplexity(), target, y, t, loss) == pytest.approx(np.exp(log_loss), rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_roc_auc(seed: int):
    loss = CrossEntropy()
    target, y, t = classes(2, seed)
    y = np.round(4 * y) / 4  # differences of quarters are exact, so ties stay ties
    expected = sk.roc_auc_score(t, y[:, 1] - y[:, 0])
    assert score(RocAuc(), target, y, t, loss) == pytest.approx(expected, rel=1e-12)
    target, y, t = classes(4, seed)
    expected = sk.roc_auc_score(t, loss.predict(y, np), multi_class="ovr", average="macro")
    assert score(RocAuc(), target, y, t, loss) == pytest.approx(expected, rel=1e-12)
    columns = Target("binary_columns", ("u", "v"), counts=(1, 1), rows=N)
    y, t = y[:, :2], np.stack([t > 0, t > 2], axis=1).astype(float)
    expected = sk.roc_auc_score(t, y, average="macro")
    assert score(RocAuc(), columns, y, t, BinaryCrossEntropy()) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("d", [1, 3])
def test_errors_of_values(d: int, seed: int):
    rng = np.random.default_rng(seed)
    t = rng.normal(size=(N, d)) * [1, 10, 100][:d] + [5, -20, 1000][:d]
    y = t + rng.normal(size=(N, d))
    target = Target("values", ("x", "y", "z")[:d], rows=N, mean=tuple(t.mean(0) + 1))
    for metric, name in (
        (Mae(), "mean_absolute_error"),
        (MseMetric(), "mean_squared_error"),
        (Rmse(), "root_mean_squared_error"),
        (R2(), "r2_score"),
    ):
        assert score(metric, target, y, t, Mse()) == pytest.approx(getattr(sk, name)(t, y), rel=1e-11)
