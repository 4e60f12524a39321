"""The laws of every augmentation: each sample by its own draws, whatever it is batched with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.rng import Draws
from bpcli.data.augment.base import Around, Augment
from bpcli.data.augmented import Augmenter
from bpcli.data.records import Batch, Part, Target
from bpcli.losses.cross_entropy import CrossEntropy
from bpcli.spec.registry import family

CASES = [
    pytest.param(
        cls.model_validate({"type": name, **example.fields}),
        example.shape,
        id=f"{name} {dict(example.fields)}",
    )
    for name, cls in family("augment").classes().items()
    for example in cls.examples
]
every_case = pytest.mark.parametrize(("augment", "shape"), CASES)
ROWS, CLASSES = 40, 3
TARGET = Target("classes", ("label",), ("a", "b", "c"), (14, 13, 13), ROWS)
#: What makes each do nothing at all.
NOTHING: dict[str, dict[str, Any]] = {
    "affine": {"degrees": 0, "scale": [1, 1], "shear": 0, "shift": 0},
    "brightness": {"by": 0},
    "contrast": {"factor": [1, 1]},
    "crop": {"p": 0.0},
    "cutout": {"size": 0},
    "elastic": {"alpha": 0.0},
    "flip": {"p": 0.0},
    "mixup": {"p": 0.0},
    "noise": {"std": 0.0},
    "rotate": {"degrees": 0},
    "scale": {"factor": [1, 1]},
    "shift": {"vertical": 0, "horizontal": 0},
}


def part(shape: tuple[int, ...], dtype: Any = np.float32, *, weight: bool = False) -> Part:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(ROWS, *shape)).astype(dtype)
    w = rng.uniform(0.5, 2, ROWS).astype(dtype) if weight else None
    return Part(x, np.arange(ROWS) % CLASSES, w, np.arange(ROWS))


def augmenter(*chain: Augment, data: Part, seed: int = 1) -> Augmenter:
    return Augmenter(chain, data, TARGET, CrossEntropy(), seed)


def arrays(batch: Batch) -> list[Any]:
    return [array for array in (batch.x, batch.y, batch.weight) if array is not None]


def same(one: Batch, two: Batch) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(arrays(one), arrays(two), strict=True))


def test_every_augmentation_has_examples_and_a_way_to_do_nothing() -> None:
    assert {case.values[0].type for case in CASES} == set(family("augment"))  # type: ignore[attr-defined]
    assert set(NOTHING) == set(family("augment"))


@every_case
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shape_and_dtype_stay_and_something_changes(
    augment: Augment, shape: tuple[int, ...], dtype: Any
) -> None:
    data = part(shape, dtype)
    made = augmenter(augment, data=data).batch(np.arange(ROWS), 0)
    assert made.x.shape == data.x.shape
    assert made.x.dtype == dtype
    assert np.isfinite(made.x).all()
    assert not np.array_equal(made.x, data.x)


@every_case
def test_what_is_given_stays_as_it_is(augment: Augment, shape: tuple[int, ...]) -> None:
    data = part(shape, weight=True)
    assert data.y is not None and data.weight is not None
    kept = [array.copy() for array in (data.x, data.y, data.weight)]
    batch = Batch(data.x, data.y, data.weight)
    for array in arrays(batch):
        array.flags.writeable = False
    around = Around(ROWS, CLASSES, lambda rows: Batch(data.x[rows], data.y[rows], data.weight[rows]))  # type: ignore[index]
    made = augment.batch(batch, Draws(1, "a", samples=np.arange(ROWS)), around)
    assert all(np.array_equal(a, b) for a, b in zip(kept, arrays(batch), strict=True))
    assert made.x is not batch.x


@every_case
def test_a_sample_is_the_same_in_any_batch_in_any_order(augment: Augment, shape: tuple[int, ...]) -> None:
    data = part(shape, weight=True)
    make = augmenter(augment, data=data)
    whole = make.batch(np.arange(ROWS), 2)
    some = np.array([7, 3, 39, 0, 11])
    assert all(
        np.array_equal(a[some], b) for a, b in zip(arrays(whole), arrays(make.batch(some, 2)), strict=True)
    )
    for row in (0, 5, 39):
        alone = make.batch(np.array([row]), 2)
        assert all(np.array_equal(a[[row]], b) for a, b in zip(arrays(whole), arrays(alone), strict=True))
    assert same(whole, augmenter(augment, data=data).batch(np.arange(ROWS), 2))


@every_case
def test_every_epoch_seed_and_sample_has_draws_of_its_own(augment: Augment, shape: tuple[int, ...]) -> None:
    data = part(shape)
    first = augmenter(augment, data=data).batch(np.arange(ROWS), 0)
    assert not same(first, augmenter(augment, data=data).batch(np.arange(ROWS), 1))
    assert not same(first, augmenter(augment, data=data, seed=2).batch(np.arange(ROWS), 0))
    alike = Part(np.repeat(data.x[:1], ROWS, axis=0), np.arange(ROWS) % CLASSES, None, np.arange(ROWS))
    made = augmenter(augment, data=alike).batch(np.arange(ROWS), 0)
    if augment.type == "mixup":  # equal images mix to themselves, and their labels do not
        assert len(np.unique(made.y, axis=0)) > 3
    else:
        assert len(np.unique(made.x.reshape(ROWS, -1), axis=0)) > 1


@every_case
def test_without_strength_nothing_changes(augment: Augment, shape: tuple[int, ...]) -> None:
    data = part(shape)
    made = augmenter(augment.replace(**NOTHING[augment.type]), data=data).batch(np.arange(ROWS), 0)
    assert np.array_equal(made.x, data.x)


@every_case
@pytest.mark.parametrize("p", [0.3, 0.7])
def test_p_is_the_share_that_changes(augment: Augment, shape: tuple[int, ...], p: float) -> None:
    data = part(shape)
    rows = np.tile(np.arange(ROWS), 5)
    changed = np.zeros(ROWS)
    for epoch in range(25):
        made = augmenter(augment.replace(p=p), data=data).batch(rows[:ROWS], epoch)
        changed += (made.x != data.x).reshape(ROWS, -1).any(axis=1)
    share = changed.sum() / (25 * ROWS)
    always = augmenter(augment.replace(p=1.0), data=data)
    most = np.mean(
        [(always.batch(rows[:ROWS], e).x != data.x).reshape(ROWS, -1).any(axis=1) for e in range(25)]
    )
    assert share == pytest.approx(p * most, abs=0.06)
