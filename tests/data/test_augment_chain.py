"""The training part through a chain of augmentations: mixup, links, portions, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.data import augmented
from bpcli.data.augmented import Augmenter, _linked
from bpcli.data.batches import order
from bpcli.data.records import Part, Target
from bpcli.errors import BuildError
from bpcli.losses.base import Loss
from bpcli.losses.binary_cross_entropy import BinaryCrossEntropy
from bpcli.losses.cross_entropy import CrossEntropy
from bpcli.losses.hinge import Hinge
from bpcli.losses.mse import Mse
from bpcli.spec.registry import family

CLASSES = Target("classes", ("label",), ("a", "b", "c"), (34, 33, 33), 100)
VALUES = Target("values", ("v",), rows=100, mean=(0.0,))
COLUMNS = Target("binary_columns", ("u", "v"), counts=(50, 50), rows=100)


def chain(*specs: dict[str, Any] | str) -> list[Any]:
    fields = [{"type": spec} if isinstance(spec, str) else spec for spec in specs]
    return [family("augment")[one["type"]].model_validate(one) for one in fields]


def part(*, weight: bool = False, values: bool = False, shape: tuple[int, ...] = (6, 5, 1)) -> Part:
    rng = np.random.default_rng(0)
    y = rng.normal(size=(100, 1)) if values else np.arange(100) % 3
    return Part(rng.normal(size=(100, *shape)), y, rng.uniform(0, 2, 100) if weight else None, np.arange(100))


def augmenter(specs: list[Any], data: Part, target: Target = CLASSES, loss: Loss | None = None) -> Augmenter:
    return Augmenter(specs, data, target, loss or CrossEntropy(), 4)


ROWS = np.arange(100)
EVERYTHING = chain("flip", "affine", "elastic", {"type": "mixup", "alpha": 0.4}, "noise", "cutout")


@pytest.mark.parametrize("size", [1, 7, 32, 100])
def test_neither_batch_size_nor_a_resume_changes_a_bit(size: int) -> None:
    make = augmenter(EVERYTHING, part(weight=True))
    rows = order(1, 3, 100, True)
    whole = make.batch(rows, 3)
    made = list(make.batches(rows, size, 0, 3))
    later = list(make.batches(rows, size, 1, 3))
    for name in ("x", "y", "weight"):
        assert np.array_equal(np.concatenate([getattr(b, name) for b in made]), getattr(whole, name))
        assert all(
            np.array_equal(getattr(a, name), getattr(b, name)) for a, b in zip(made[1:], later, strict=True)
        )
    if len(made) > 1:
        assert not np.shares_memory(made[0].x, made[1].x)
        assert not np.shares_memory(made[0].y, made[1].y)


def test_portions_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = augmenter(EVERYTHING, part()).batch(ROWS, 0)
    monkeypatch.setattr(augmented, "_PORTION", 60)
    pieces = augmenter(EVERYTHING, part()).batch(ROWS, 0)
    assert np.array_equal(whole.x, pieces.x)
    assert np.array_equal(whole.y, pieces.y)


def test_neighbours_that_move_points_are_one_link() -> None:
    def links(*specs: dict[str, Any] | str) -> list[list[int]]:
        return list(_linked(chain(*specs)))

    assert links("affine", "elastic", "noise") == [[0, 1], [2]]
    assert links("elastic", "affine") == [[0], [1]]
    assert links("rotate", "scale", "elastic", "elastic") == [[0, 1, 2], [3]]
    assert links("rotate", {"type": "scale", "fill": 0.0}, "flip", "affine") == [[0], [1], [2], [3]]
    assert links() == []


def test_a_place_in_the_chain_has_draws_of_its_own() -> None:
    data = part()
    once = augmenter(chain("noise"), data).batch(ROWS, 0).x - data.x
    twice = augmenter(chain("noise", "noise"), data).batch(ROWS, 0).x - data.x
    assert not np.allclose(twice, 2 * once)


# --- mixup ----------------------------------------------------------------------------------------------


def test_mixup_mixes_images_and_targets_alike() -> None:
    """x = λ xᵢ + (1 - λ) xⱼ with the λ that the probabilities tell."""
    data = part()
    assert data.y is not None
    batch = augmenter(chain({"type": "mixup", "alpha": 1.0}), data).batch(ROWS, 0)
    assert batch.y.shape == (100, 3)
    assert batch.y.dtype == data.x.dtype
    assert np.allclose(batch.y.sum(axis=1), 1)
    mixed = 0
    for i in range(100):
        if batch.y[i].max() > 1 - 1e-12:
            continue
        mixed += 1
        share = batch.y[i, data.y[i]]
        other = (batch.x[i] - share * data.x[i]) / (1 - share)
        distance = np.abs(data.x - other).reshape(100, -1).max(axis=1)
        j = int(distance.argmin())
        assert distance[j] < 1e-9
        assert batch.y[i, data.y[j]] == pytest.approx(1 - share)
    assert mixed > 40


def test_the_shares_of_mixup_follow_its_beta_distribution() -> None:
    data = Part(np.zeros((100, 1, 1, 1)), np.zeros((100, 1)), None, ROWS)
    data.x[:50] = 1  # type: ignore[index]
    shares = []
    for epoch in range(40):
        x = augmenter(chain({"type": "mixup", "alpha": 2.0}), data, VALUES, Mse()).batch(ROWS, epoch).x
        own = x.ravel() != data.x.ravel()
        shares.append(np.abs(x.ravel() - data.x.ravel())[own])
    found = 1 - np.concatenate(shares)
    assert found.mean() == pytest.approx(0.5, abs=0.02)
    assert found.var() == pytest.approx(1 / 20, abs=0.005)  # Beta(2, 2)


def test_mixup_of_weighted_rows_is_the_mean_of_both_losses() -> None:
    """w' l(q') = λ wᵢ l(qᵢ) + (1 - λ) wⱼ l(qⱼ), for any l that is linear in q."""
    data = part(weight=True)
    specs = chain({"type": "mixup", "alpha": 1.0})
    batch, unweighted = (augmenter(specs, one).batch(ROWS, 0) for one in (data, part()))
    assert np.array_equal(batch.x, unweighted.x), "the images are those of λ alone"
    share = np.where(unweighted.y.max(axis=1) < 1, unweighted.y[ROWS, data.y], np.nan)
    assert data.weight is not None
    some = np.flatnonzero((share > 0.05) & (share < 0.95))
    own = batch.y[some, data.y[some]] * batch.weight[some]
    assert np.allclose(own, share[some] * data.weight[some])
    assert len(some) > 30


def test_values_mix_as_they_are() -> None:
    data = part(values=True, weight=True)
    batch = augmenter(chain({"type": "mixup", "alpha": 1.0}), data, VALUES, Mse()).batch(ROWS, 0)
    assert batch.y.shape == (100, 1)
    assert not np.array_equal(batch.y, data.y)


def test_mixup_mixes_what_the_augmentations_before_it_made() -> None:
    data = part()
    batch = augmenter(chain({"type": "brightness", "by": [100, 100]}, "mixup"), data).batch(ROWS, 0)
    assert batch.x.min() > 90, "both of a pair were brightened"


def test_twice_mixed() -> None:
    batch = augmenter(chain("mixup", "mixup"), part()).batch(ROWS, 0)
    assert np.allclose(batch.y.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("target", "loss"),
    [(CLASSES, Hinge()), (CLASSES, CrossEntropy(ignore_index=1)), (CLASSES, Mse()), (COLUMNS, Hinge())],
)
def test_mixup_is_refused_where_the_loss_has_no_room_for_shares(target: Target, loss: Loss) -> None:
    with pytest.raises(BuildError, match="mixup needs a loss that takes shares") as caught:
        augmenter(chain("mixup"), part(), target, loss)
    assert caught.value.where == ("data", "augment", 0)


@pytest.mark.parametrize(
    ("target", "loss"), [(CLASSES, CrossEntropy()), (COLUMNS, BinaryCrossEntropy()), (VALUES, Mse())]
)
def test_mixup_is_taken_where_it_has(target: Target, loss: Loss) -> None:
    augmenter(chain("mixup"), part(shape=(6,)), target, loss)


def test_tables_are_refused_at_their_place() -> None:
    with pytest.raises(BuildError, match="flip changes images, and the input is 6") as caught:
        augmenter(chain("mixup", "flip"), part(shape=(6,)))
    assert caught.value.where == ("data", "augment", 1)
