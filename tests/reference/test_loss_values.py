"""Losses at numbers that can be worked out by hand, their baselines and their refusals."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import pytest

from bpcli.core.backend import backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.data.records import Batch, Target
from bpcli.errors import ConfigError
from bpcli.losses.base import Loss
from bpcli.losses.binary_cross_entropy import BinaryCrossEntropy
from bpcli.losses.cross_entropy import CrossEntropy
from bpcli.losses.hinge import Hinge
from bpcli.losses.huber import Huber
from bpcli.losses.mae import Mae
from bpcli.losses.mse import Mse

TWO = Target("classes", ("c",), ("no", "yes"), (3, 1), 4)
THREE = Target("classes", ("c",), ("a", "b", "c"), (1, 2, 1), 4)
COLUMNS = Target("binary_columns", ("u", "v"), counts=(1, 3), rows=4)
VALUES = Target("values", ("x", "y"), rows=4, mean=(2.0, -1.0))


def rows(loss: Loss, y: Any, t: Any) -> tuple[Any, Any]:
    losses, dy = loss.rows(np.array(y, float), np.array(t), Ctx(Pass(backend())))
    return losses.tolist(), dy.tolist()


def test_values_by_hand():
    assert rows(Mse(), [[1.0, 3.0]], [[0.0, 1.0]]) == ([2.5], [[1.0, 2.0]])
    assert rows(Mae(), [[1.0, -3.0]], [[0.0, -1.0]]) == ([1.5], [[0.5, -0.5]])
    assert rows(Mae(), [[1.0]], [[1.0]]) == ([0.0], [[0.0]])
    assert rows(Huber(delta=2.0), [[1.0, -5.0]], [[0.0, 0.0]]) == ([4.25], [[0.5, -1.0]])
    assert rows(Mse(), [[1.0, 3.0]], [1]) == ([2.5], [[1.0, 2.0]])


def test_a_coin_costs_log_two():
    assert rows(CrossEntropy(), [[7.0, 7.0]], [0])[0] == pytest.approx([log(2)])
    assert rows(BinaryCrossEntropy(), [[0.0]], [1]) == ([pytest.approx(log(2))], [[-0.5]])
    assert rows(BinaryCrossEntropy(pos_weight=3.0), [[0.0]], [1])[0] == pytest.approx([3 * log(2)])
    assert rows(BinaryCrossEntropy(from_logits=False), [[0.5]], [1]) == ([pytest.approx(log(2))], [[-2.0]])


@pytest.mark.parametrize("p", [-0.5, 0.0, 1.0, 1.5])
@pytest.mark.parametrize("label", [0, 1])
def test_beyond_0_and_1_the_cross_entropy_of_probabilities_goes_on_along_its_tangent(p: float, label: int):
    loss = BinaryCrossEntropy(from_logits=False)
    losses, dy = loss.rows(np.array([[p + 1e-30j]]), np.array([label]), Ctx(Pass(backend())))
    assert losses[0].imag / 1e-30 == pytest.approx(dy[0, 0].real, rel=1e-12)
    assert losses[0].real > -1e-15 or not 0 <= p <= 1


def test_hinge_by_hand():
    assert rows(Hinge(), [[0.5], [0.5], [3.0]], [1, 0, 1]) == ([0.5, 1.5, 0.0], [[-1.0], [1.0], [0.0]])
    losses, dy = rows(Hinge(), [[1.0, 0.5, 2.0], [5.0, 0.0, 1.0]], [0, 0])
    assert losses == [2.0, 0.0]
    assert dy == [[-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (Mse(), VALUES),
        (Mse(), THREE),
        (Mse(), COLUMNS),
        (CrossEntropy(), THREE),
        (BinaryCrossEntropy(), TWO),
        (BinaryCrossEntropy(), COLUMNS),
        (BinaryCrossEntropy(from_logits=False), TWO),
    ],
    ids=str,
)
def test_no_constant_is_better_than_the_baseline(loss: Loss, target: Target):
    """The mean gradient over the training rows that the target describes is zero there."""
    if target.kind == "classes":
        t = np.repeat(np.arange(target.width), target.counts)
    elif target.kind == "binary_columns":
        t = np.array([[1, 1], [0, 1], [0, 1], [0, 0]], float)
    else:
        t = np.array([[1, -1], [3, -2], [2, 0], [2, -1]], float)
    y = np.tile(loss.baseline(target), (4, 1))
    _, dy = loss(y, Batch(y, t), 4.0, Ctx(Pass(backend())))
    np.testing.assert_allclose(dy.sum(axis=0), 0, atol=1e-12)


def test_a_class_that_never_occurs_keeps_the_baseline_finite():
    rare = Target("classes", ("c",), ("a", "b"), (5, 0), 5)
    for loss in (CrossEntropy(), BinaryCrossEntropy()):
        assert np.isfinite(loss.baseline(rare)).all()
        assert np.isfinite(loss.replace(class_weight="balanced").row_weights(np.zeros(5, int), rare)).all()


def test_binary_cross_entropy_needs_two_classes():
    assert BinaryCrossEntropy().units(TWO) == 1
    assert BinaryCrossEntropy().units(COLUMNS) == 2
    with pytest.raises(ConfigError, match="needs two classes, but c has 3; use cross_entropy"):
        BinaryCrossEntropy().units(THREE)


def test_cross_entropy_of_one_column_is_refused():
    with pytest.raises(ConfigError, match="use mse or binary_cross_entropy"):
        CrossEntropy().units(Target("values", ("x",), rows=3, mean=(1.0,)))


def test_class_weights_of_unknown_labels_or_of_columns_are_refused():
    loss = BinaryCrossEntropy(class_weight={"maybe": 2.0})
    with pytest.raises(ConfigError, match="a label that does not occur: maybe; the labels are no, yes"):
        loss.row_weights(np.zeros(2, int), TWO)
    with pytest.raises(ConfigError, match="needs a target of classes"):
        BinaryCrossEntropy(class_weight="balanced").row_weights(np.zeros((2, 2)), COLUMNS)


def test_what_the_output_layer_should_be():
    assert BinaryCrossEntropy().takes_logits
    assert not BinaryCrossEntropy(from_logits=False).takes_logits
    assert BinaryCrossEntropy(from_logits=False).head_activation == "sigmoid"
    assert {loss.head_activation for loss in (BinaryCrossEntropy(), CrossEntropy(), Mse(), Hinge())} == {
        "linear"
    }
    assert not Hinge().gives_probabilities
