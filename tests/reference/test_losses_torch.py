"""Every loss with a counterpart in PyTorch, value and gradient, against it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.data.records import Target
from bpcli.losses.base import Loss
from bpcli.losses.binary_cross_entropy import BinaryCrossEntropy
from bpcli.losses.cross_entropy import CrossEntropy
from bpcli.losses.hinge import Hinge
from bpcli.losses.huber import Huber
from bpcli.losses.mae import Mae
from bpcli.losses.mse import Mse
from tests.reference.compare import covers, oracle
from tests.reference.values import N, compare, normal, torch

F = torch.nn.functional


@pytest.mark.parametrize(
    ("loss", "reference"),
    [
        pytest.param(loss, reference, marks=covers(loss))
        for loss, reference in (
            (Mse(), F.mse_loss),
            (Mae(), F.l1_loss),
            (Huber(delta=0.7), lambda y, t: F.huber_loss(y, t, delta=0.7)),
        )
    ],
)
@pytest.mark.parametrize("d", [1, 3])
def test_losses_of_values(loss: Loss, reference: Any, d: int):
    compare(loss, normal(N, d), normal(N, d, seed=1), reference)


@oracle("losses", "cross_entropy")
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy(smoothing: float):
    t = np.random.default_rng(1).integers(0, 5, N)
    loss = CrossEntropy(label_smoothing=smoothing)
    compare(loss, normal(N, 5), t, lambda y, t: F.cross_entropy(y, t, label_smoothing=smoothing))
    q = np.random.default_rng(2).dirichlet(np.ones(5), N)
    compare(loss, normal(N, 5), q, lambda y, t: F.cross_entropy(y, t, label_smoothing=smoothing))


@oracle("losses", "cross_entropy")
@pytest.mark.parametrize("ignored", [2, -100])
def test_cross_entropy_ignores_a_class_also_one_that_is_no_index(ignored: int):
    t = np.array([0, 1, ignored, 3, 4, ignored, 0, 1, 3])
    for smoothing in (0.0, 0.2):
        loss = CrossEntropy(ignore_index=ignored, label_smoothing=smoothing)
        compare(
            loss,
            normal(N, 5),
            t,
            lambda y, t, s=smoothing: F.cross_entropy(y, t, ignore_index=ignored, label_smoothing=s),
        )


@oracle("losses", "cross_entropy")
def test_class_weights_are_a_weighted_mean_over_rows():
    t = np.array([0, 1, 2, 2, 1, 0, 0, 0, 2])
    target = Target("classes", ("c",), ("a", "b", "c"), (4, 2, 3), N)
    loss = CrossEntropy(class_weight={"a": 0.5, "c": 3.0})
    table = torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)
    weight = loss.row_weights(t, target)
    compare(loss, normal(N, 3), t, lambda y, t: F.cross_entropy(y, t, weight=table), weight)
    balanced = CrossEntropy(class_weight="balanced").row_weights(t, target)
    np.testing.assert_allclose(balanced, np.array([9 / 12, 9 / 6, 9 / 9])[t], rtol=1e-15)
    assert balanced.mean() == pytest.approx(1)


@oracle("losses", "binary_cross_entropy")
@pytest.mark.parametrize("pos_weight", [None, 3.0])
def test_binary_cross_entropy_with_logits(pos_weight: float | None):
    theirs = None if pos_weight is None else torch.tensor(pos_weight, dtype=torch.float64)
    loss = BinaryCrossEntropy(pos_weight=pos_weight)
    columns = np.random.default_rng(1).integers(0, 2, (N, 4)).astype(float)
    y = normal(N, 4) * np.array([1, 10, 50, 1e-3])
    compare(loss, y, columns, lambda y, t: F.binary_cross_entropy_with_logits(y, t, pos_weight=theirs))
    labels = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1])
    compare(
        loss,
        normal(N, 1),
        labels,
        lambda y, t: F.binary_cross_entropy_with_logits(y[:, 0], t.double(), pos_weight=theirs),
    )


@oracle("losses", "binary_cross_entropy")
def test_binary_cross_entropy_of_probabilities():
    p = np.random.default_rng(0).uniform(1e-6, 1 - 1e-6, (N, 3))
    t = np.random.default_rng(1).integers(0, 2, (N, 3)).astype(float)
    compare(BinaryCrossEntropy(from_logits=False), p, t, F.binary_cross_entropy)


@oracle("losses", "binary_cross_entropy")
def test_binary_label_smoothing_moves_both_targets_to_the_middle():
    t = np.random.default_rng(1).integers(0, 2, (N, 3)).astype(float)
    compare(
        BinaryCrossEntropy(label_smoothing=0.2),
        normal(N, 3),
        t,
        lambda y, t: F.binary_cross_entropy_with_logits(y, 0.8 * t + 0.1),
    )


@oracle("losses", "hinge", by="autograd")
@pytest.mark.parametrize("seed", [0, 11, 12, 13])
def test_hinge_of_two_classes_and_of_more(seed: int):
    labels = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1])
    compare(
        Hinge(), normal(N, 1, seed=seed), labels, lambda y, t: (1 - (2 * t - 1) * y[:, 0]).clamp(min=0).mean()
    )

    def crammer_singer(y: Any, t: Any) -> Any:
        own = F.one_hot(t, 4).bool()
        rival = y.masked_fill(own, -torch.inf).max(dim=1).values
        return (1 + rival - y[own]).clamp(min=0).mean()

    compare(Hinge(), normal(N, 4, seed=seed), np.array([0, 1, 2, 3, 0, 1, 2, 3, 3]), crammer_singer)


@oracle("losses", "mse", by="autograd")
def test_mse_of_classes_is_the_quadratic_cost_up_to_its_factor():
    t = np.array([0, 1, 2, 3, 0, 1, 2, 3, 3])

    def quadratic(y: Any, t: Any) -> Any:
        return 0.5 * ((y - F.one_hot(t, 4)) ** 2).sum(dim=1).mean() * (2 / 4)

    compare(Mse(), normal(N, 4), t, quadratic)


#: Losses that need no more than values, labels or columns of 0 and 1, for what all of them have in common.
WEIGHTED: tuple[tuple[Loss, Any, Any, int], ...] = (
    (Mse(), normal(N, 3, seed=1), lambda y, t: F.mse_loss(y, t, reduction="none").mean(1), 3),
    (Mae(), normal(N, 2, seed=1), lambda y, t: F.l1_loss(y, t, reduction="none").mean(1), 2),
    (Huber(), normal(N, 3, seed=1), lambda y, t: F.huber_loss(y, t, reduction="none").mean(1), 3),
    (
        CrossEntropy(label_smoothing=0.1),
        np.arange(N) % 4,
        lambda y, t: F.cross_entropy(y, t, reduction="none", label_smoothing=0.1),
        4,
    ),
    (
        BinaryCrossEntropy(),
        (normal(N, 3, seed=1) > 0).astype(float),
        lambda y, t: F.binary_cross_entropy_with_logits(y, t, reduction="none").mean(1),
        3,
    ),
)


@pytest.mark.parametrize(
    ("loss", "t", "rows", "width"), [pytest.param(*row, marks=covers(row[0])) for row in WEIGHTED]
)
@pytest.mark.parametrize("seed", range(3))
def test_sample_weights_make_a_weighted_mean(loss: Loss, t: Any, rows: Any, width: int, seed: int):
    weight = np.random.default_rng(seed).gamma(1.0, size=N) * (np.arange(N) != seed)  # one row counts nothing
    w = torch.tensor(weight)
    compare(loss, normal(N, width, seed=seed), t, lambda y, t: (w * rows(y, t)).sum() / w.sum(), weight)


@oracle("losses", "cross_entropy")
@pytest.mark.parametrize("shape", [(1, 1), (N, 4), (3, 2, 5)])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_class_for_each_place_of_a_row(shape: tuple[int, ...], smoothing: float, weighted: bool):
    """As for the steps of a sequence: places of class -1, such as padding, count nothing."""
    rng = np.random.default_rng(len(shape))
    t = rng.integers(-1, 5, shape)
    t.reshape(-1)[0] = 2
    weight = rng.gamma(1.0, size=shape[0]) if weighted else None
    w = torch.ones(shape[0], dtype=torch.float64) if weight is None else torch.tensor(weight)

    def reference(y: Any, t: Any) -> Any:
        options: Any = {"ignore_index": -1, "label_smoothing": smoothing, "reduction": "none"}
        places = F.cross_entropy(y.movedim(-1, 1), t, **options)
        each = w.reshape(-1, *(1,) * (t.ndim - 1)).expand(t.shape)
        return (each * places).sum() / (each * (t >= 0)).sum()

    compare(CrossEntropy(label_smoothing=smoothing), normal(*shape, 5), t, reference, weight)
