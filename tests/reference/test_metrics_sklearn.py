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
from bpcli.metrics.exact_match import ExactMatch
from bpcli.metrics.f1 import F1
from bpcli.metrics.f1_macro import F1Macro
from bpcli.metrics.mae import Mae
from bpcli.metrics.mse import Mse as MseMetric
from bpcli.metrics.perplexity import Perplexity
from bpcli.metrics.precision import Precision
from bpcli.metrics.r2 import R2
from bpcli.metrics.recall import Recall
from bpcli.metrics.rmse import Rmse
from bpcli.metrics.roc_auc import RocAuc
from bpcli.metrics.top_k import TopK
from tests.reference.compare import agree, oracle

sk = pytest.importorskip("sklearn.metrics")

SEEDS = range(4)
N = 80


def score(metric: Metric, target: Target, y: Any, t: Any, loss: Loss) -> Any:
    """The metric, its sums taken over three batches."""
    cuts = (slice(0, 11), slice(11, 50), slice(50, N))
    parts = [metric.sums(Prediction(y[rows], t[rows], loss), target) for rows in cuts]
    return metric.value(np.concatenate(parts) if metric.whole else np.sum(parts, axis=0), target)


def same(metric: Metric, expected: Any, *given: Any, limit: float = 1e-12) -> None:
    """`given` is what `score` takes after the metric."""
    agree(score(metric, *given), expected, metric.label(), limit=limit, of=metric.type)


AVERAGED = ((Precision, "precision_score"), (Recall, "recall_score"), (F1, "f1_score"))
averaged = oracle("metrics", "precision", "recall", "f1", by="scikit-learn")


def classes(k: int, seed: int, columns: int | None = None) -> tuple[Target, Any, Any]:
    rng = np.random.default_rng(seed)
    target = Target("classes", ("c",), tuple("abcdefgh"[:k]), (1,) * k, k)
    y = np.round(rng.normal(size=(N, columns or k)), 1)  # with ties
    return target, y, np.concatenate([np.arange(k), rng.integers(0, k, N - k)])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("average", ["macro", "micro", "weighted", "none"])
@pytest.mark.parametrize(
    ("metric", "name"),
    [pytest.param(*pair, marks=oracle("metrics", pair[0]().type, by="scikit-learn")) for pair in AVERAGED],
)
def test_averages_over_classes(metric: Any, name: str, average: str, seed: int):
    target, y, t = classes(5, seed)
    y[:, 4] -= 3  # a class that is hardly ever predicted
    expected = getattr(sk, name)(
        t, y.argmax(1), average=None if average == "none" else average, zero_division=0
    )
    same(metric(average=average), expected, target, y, t, CrossEntropy())


@averaged
@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_a_class_that_does_not_occur(average: Any):
    target, y, t = classes(5, 0)
    t[t == 3] = 2
    y[:, 3] = -100
    for metric, name in AVERAGED:
        expected = getattr(sk, name)(t, y.argmax(1), average=average, zero_division=0)
        same(metric(average=average), expected, target, y, t, CrossEntropy())


@averaged
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("average", ["macro", "micro", "weighted", "none"])
def test_averages_over_columns(average: Any, seed: int):
    rng = np.random.default_rng(seed)
    target = Target("binary_columns", ("u", "v", "w"), counts=(1, 1, 1), rows=N)
    y, t = rng.normal(size=(N, 3)), rng.integers(0, 2, (N, 3)).astype(float)
    t[:, 2] = 0
    y[:, 2] = -1 if seed % 2 else 1
    for metric, name in AVERAGED:
        expected = getattr(sk, name)(
            t, y > 0, average=None if average == "none" else average, zero_division=0
        )
        same(metric(average=average), expected, target, y, t, BinaryCrossEntropy())


@oracle("metrics", "precision", "recall", "f1", "accuracy", "roc_auc", by="scikit-learn")
@pytest.mark.parametrize("seed", SEEDS)
def test_two_classes_by_one_output(seed: int):
    target, y, t = classes(2, seed, columns=1)
    loss = BinaryCrossEntropy()
    labels = (y[:, 0] > 0).astype(int)
    for metric, name in AVERAGED:
        same(metric(), getattr(sk, name)(t, labels), target, y, t, loss)
        expected = getattr(sk, name)(t, labels, pos_label=0)
        same(metric(positive="a"), expected, target, y, t, loss)
    same(Accuracy(), sk.accuracy_score(t, labels), target, y, t, loss)
    same(RocAuc(), sk.roc_auc_score(t, y[:, 0]), target, y, t, loss)


@oracle("metrics", "accuracy", "f1_macro", "confusion_matrix", "top_k", "perplexity", by="scikit-learn")
@pytest.mark.parametrize("seed", SEEDS)
def test_confusion_top_k_and_perplexity(seed: int):
    target, y, t = classes(5, seed)
    loss = CrossEntropy()
    labels = y.argmax(1)
    same(Accuracy(), sk.accuracy_score(t, labels), target, y, t, loss)
    same(F1Macro(), sk.f1_score(t, labels, average="macro"), target, y, t, loss)
    same(ConfusionMatrix(), sk.confusion_matrix(t, labels), target, y, t, loss, limit=0.0)
    smooth = y + 1e-6 * np.random.default_rng(9).normal(size=y.shape)  # scikit-learn breaks ties otherwise
    for k in (1, 2, 4):
        expected = sk.top_k_accuracy_score(t, smooth, k=k)
        same(TopK(k=k), expected, target, smooth, t, loss)
    log_loss = sk.log_loss(t, loss.predict(y, np))
    same(Perplexity(), np.exp(log_loss), target, y, t, loss)


@oracle("metrics", "roc_auc", by="scikit-learn")
@pytest.mark.parametrize("seed", SEEDS)
def test_roc_auc(seed: int):
    loss = CrossEntropy()
    target, y, t = classes(2, seed)
    y = np.round(4 * y) / 4  # differences of quarters are exact, so ties stay ties
    expected = sk.roc_auc_score(t, y[:, 1] - y[:, 0])
    same(RocAuc(), expected, target, y, t, loss)
    target, y, t = classes(4, seed)
    expected = sk.roc_auc_score(t, loss.predict(y, np), multi_class="ovr", average="macro")
    same(RocAuc(), expected, target, y, t, loss)
    columns = Target("binary_columns", ("u", "v"), counts=(1, 1), rows=N)
    y, t = y[:, :2], np.stack([t > 0, t > 2], axis=1).astype(float)
    expected = sk.roc_auc_score(t, y, average="macro")
    same(RocAuc(), expected, columns, y, t, BinaryCrossEntropy())


@oracle("metrics", "mae", "mse", "rmse", "r2", by="scikit-learn")
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
        same(metric, getattr(sk, name)(t, y), target, y, t, Mse())


@oracle("metrics", "exact_match", by="scikit-learn")
@pytest.mark.parametrize("seed", SEEDS)
def test_exact_match_is_the_accuracy_of_whole_rows(seed: int):
    rng = np.random.default_rng(seed)
    target = Target("classes", ("c",), tuple("ab"), (1, 1), 2, positions=(3,))
    y = rng.normal(size=(N, 3, 2))
    t = rng.integers(0, 2, (N, 3))
    t[np.arange(3) > rng.integers(0, 3, N)[:, None]] = -1
    said = np.where(t >= 0, y.argmax(-1), -1)
    expected = sk.accuracy_score([str(row) for row in t], [str(row) for row in said])
    assert 0 < expected < 1
    same(ExactMatch(), expected, target, y, t, CrossEntropy())
