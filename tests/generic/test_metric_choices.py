"""What single metrics do beyond the common laws: averages, labels, refusals, hard numbers."""

from __future__ import annotations

from math import isnan
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.data.records import Target
from bpcli.errors import ConfigError
from bpcli.losses.base import Loss
from bpcli.losses.binary_cross_entropy import BinaryCrossEntropy
from bpcli.losses.cross_entropy import CrossEntropy
from bpcli.losses.hinge import Hinge
from bpcli.losses.mse import Mse
from bpcli.metrics._prediction import Prediction
from bpcli.metrics.accuracy import Accuracy
from bpcli.metrics.base import Metric
from bpcli.metrics.confusion_matrix import ConfusionMatrix
from bpcli.metrics.f1 import F1
from bpcli.metrics.f1_macro import F1Macro
from bpcli.metrics.perplexity import Perplexity
from bpcli.metrics.precision import Precision
from bpcli.metrics.r2 import R2
from bpcli.metrics.recall import Recall
from bpcli.metrics.rmse import Rmse
from bpcli.metrics.roc_auc import RocAuc
from bpcli.metrics.top_k import TopK

TWO = Target("classes", ("c",), ("no", "yes"), (3, 2), 5)
THREE = Target("classes", ("c",), ("a", "b", "c"), (2, 2, 1), 5)
COLUMNS = Target("binary_columns", ("u", "v"), counts=(2, 3), rows=5)
ONE_VALUE = Target("values", ("x",), rows=5, mean=(0.0,))


def score(metric: Metric, target: Target, y: Any, t: Any, loss: Loss | None = None) -> Any:
    prediction = Prediction(np.asarray(y, np.float32), np.asarray(t), loss or CrossEntropy())
    return metric.value(metric.sums(prediction, target), target)


def one_hot(labels: list[int], k: int) -> Any:
    return 10 * np.eye(k)[labels]


TRUE, GUESS = [0, 0, 1, 1, 2], [0, 1, 1, 1, 0]
# a: tp 1 fp 1 fn 1 · b: tp 2 fp 1 fn 0 · c: tp 0 fp 0 fn 1


def test_averages_by_hand():
    y = one_hot(GUESS, 3)
    assert score(Precision(average="none"), THREE, y, TRUE) == pytest.approx([1 / 2, 2 / 3, 0])
    assert score(Recall(average="none"), THREE, y, TRUE) == pytest.approx([1 / 2, 1, 0])
    assert score(F1(average="none"), THREE, y, TRUE) == pytest.approx([1 / 2, 4 / 5, 0])
    assert score(F1(), THREE, y, TRUE) == pytest.approx(1.3 / 3)
    assert score(F1Macro(), THREE, y, TRUE) == score(F1(average="macro"), THREE, y, TRUE)
    assert score(F1(average="weighted"), THREE, y, TRUE) == pytest.approx((2 * 0.5 + 2 * 0.8) / 5)
    assert score(F1(average="micro"), THREE, y, TRUE) == pytest.approx(score(Accuracy(), THREE, y, TRUE))
    assert score(ConfusionMatrix(), THREE, y, TRUE) == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]


def test_two_classes_are_scored_by_the_second_label_unless_another_is_asked_for():
    y, t = one_hot([0, 1, 1, 1, 0], 2), [0, 0, 1, 1, 1]
    assert score(Precision(), TWO, y, t) == pytest.approx(2 / 3)
    assert score(Precision(positive="yes"), TWO, y, t) == pytest.approx(2 / 3)
    assert score(Precision(positive="no"), TWO, y, t) == pytest.approx(1 / 2)
    assert score(Recall(average="macro"), TWO, y, t) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_positive_names_a_column_of_several():
    y, t = [[1, -1], [1, 1], [-1, 1]], np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    assert score(Precision(positive="u"), COLUMNS, y, t, BinaryCrossEntropy()) == pytest.approx(1 / 2)
    assert score(Precision(), COLUMNS, y, t, BinaryCrossEntropy()) == pytest.approx(3 / 4)
    assert score(Accuracy(), COLUMNS, y, t, BinaryCrossEntropy()) == pytest.approx(5 / 6)


def test_labels_of_metrics():
    assert F1().label() == "f1"
    assert F1(average="macro").label() == F1Macro().label() == "f1_macro"
    assert F1(average="none").label() == "f1_per_class"
    assert F1(positive="yes").label() == "f1_yes"
    assert TopK(k=3).label() == "top_3"


def test_a_label_may_be_written_as_a_number():
    assert Precision.model_validate({"positive": 1}).positive == "1"
    with pytest.raises(ValidationError):
        Precision.model_validate({"positive": 1.5})


def test_positive_and_an_average_are_refused_together():
    with pytest.raises(ValidationError, match="positive asks for one class"):
        F1(positive="yes", average="macro")


def test_an_unknown_label_is_refused_with_the_nearest_one():
    with pytest.raises(ConfigError, match="no class 'yess'; did you mean 'yes'"):
        F1(positive="yess").check(TWO, CrossEntropy())
    with pytest.raises(ConfigError, match="the classes are no, yes"):
        score(F1(positive="42"), TWO, one_hot([0, 1], 2), [0, 1])


def test_top_k_of_too_few_classes_is_refused():
    TopK(k=2).check(THREE, CrossEntropy())
    with pytest.raises(ConfigError, match="choose k below 3"):
        TopK(k=3).check(THREE, CrossEntropy())


def test_top_1_is_the_accuracy_also_with_ties_and_one_output():
    rng = np.random.default_rng(0)
    y, t = rng.integers(0, 3, (200, 3)), rng.integers(0, 3, 200)
    assert score(TopK(k=1), THREE, y, t) == score(Accuracy(), THREE, y, t)
    y, t = rng.integers(-1, 2, (200, 1)), rng.integers(0, 2, 200)
    for loss in (BinaryCrossEntropy(), Hinge()):
        assert score(TopK(k=1), TWO, y, t, loss) == score(Accuracy(), TWO, y, t, loss)


def test_a_net_that_gives_nan_is_never_right_by_rank():
    assert score(TopK(k=2), THREE, np.full((4, 3), np.nan), [0, 1, 2, 0]) == 0
    assert isnan(score(RocAuc(), TWO, np.full((4, 1), np.nan), [0, 1, 1, 0], BinaryCrossEntropy()))


def test_roc_auc_counts_ties_half_and_does_not_saturate():
    loss = BinaryCrossEntropy()
    assert score(RocAuc(), TWO, [[0.0], [0.0], [0.0]], [0, 1, 1], loss) == 0.5
    assert score(RocAuc(), TWO, [[1.0], [2.0], [2.0], [3.0]], [0, 0, 1, 1], loss) == pytest.approx(3.5 / 4)
    assert score(RocAuc(), TWO, [[100.0], [200.0], [300.0]], [0, 1, 1], loss) == 1  # all sigmoids are 1.0
    assert score(RocAuc(), TWO, [[2.0], [1.0]], [0, 1], Hinge()) == 0


def test_perplexity_of_a_uniform_guess_is_the_number_of_classes():
    assert score(Perplexity(), THREE, np.zeros((4, 3)), [0, 1, 2, 0]) == pytest.approx(3)
    assert score(Perplexity(), THREE, one_hot([0], 3), [1]) == pytest.approx(np.exp(10) + 2, rel=1e-6)
    assert np.isfinite(score(Perplexity(), THREE, one_hot([0] * 4, 3) * 100, [0, 1, 2, 0]))


def test_perplexity_without_probabilities_is_refused():
    for loss in (Hinge(), Mse()):
        with pytest.raises(ConfigError, match="perplexity needs probabilities"):
            Perplexity().check(THREE, loss)


def test_r2_keeps_its_digits_far_from_zero():
    rng = np.random.default_rng(1)
    target = Target("values", ("year",), rows=50, mean=(1e9,))
    t = 1e9 + rng.normal(size=(50, 1))
    y = t + 0.1 * rng.normal(size=(50, 1))
    prediction = Prediction(y, t, Mse())
    value = R2().value(R2().sums(prediction, target), target)
    exact = 1 - ((y - t) ** 2).sum() / ((t - t.mean()) ** 2).sum()
    assert value == pytest.approx(exact, rel=1e-9)


def test_r2_of_a_constant_or_a_single_row_is_undefined():
    assert isnan(score(R2(), ONE_VALUE, [[0.1], [0.2], [0.3]], [[0.7], [0.7], [0.7]], Mse()))
    assert isnan(score(R2(), ONE_VALUE, [[0.1]], [[0.2]], Mse()))


def test_values_are_measured_in_the_units_of_the_data():
    y, t = np.zeros((4, 1), np.float32), np.ones((4, 1), np.float32)
    prediction = Prediction(y, t, Mse(), invert=lambda values: 10 * values + 5)
    assert Rmse().value(Rmse().sums(prediction, ONE_VALUE), ONE_VALUE) == pytest.approx(10)
