"""Transforms: known answers, scikit-learn as a second opinion, exact round trips."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.data.cells import CellError, TextError
from bpcli.data.records import Column
from bpcli.data.transforms.base import Transform
from bpcli.data.transforms.impute import Impute
from bpcli.data.transforms.min_max import MinMax
from bpcli.data.transforms.one_hot import OneHot
from bpcli.data.transforms.standardize import Standardize
from bpcli.errors import ConfigError, DataError
from tests.data.helpers import number, text

NAN = float("nan")


def make(cls: type[Transform], **fields: Any) -> Any:
    return cls.model_validate(fields)


def through(transform: Transform, train: list[Column], new: list[Column] | None = None) -> list[Column]:
    """Fitted on `train`, stored as JSON and read back, then applied."""
    fitted = json.loads(json.dumps(transform.fit(train), allow_nan=False))
    return transform.apply(train if new is None else new, fitted)


def test_standardize_known_answer() -> None:
    (column,) = through(make(Standardize), [number("a", 2, 4, 4, 4, 5, 5, 7, 9)])  # mean 5, deviation 2
    assert column.values.tolist() == [-1.5, -0.5, -0.5, -0.5, 0.0, 0.0, 1.0, 2.0]


def test_min_max_known_answer() -> None:
    train = [number("a", 0, 5, 10)]
    assert through(make(MinMax), train)[0].values.tolist() == [0.0, 0.5, 1.0]
    assert through(make(MinMax, low=-1.0), train)[0].values.tolist() == [-1.0, 0.0, 1.0]
    assert through(make(MinMax), train, [number("a", -10, 20)])[0].values.tolist() == [-1.0, 2.0]


@pytest.mark.parametrize("cls", [Standardize, MinMax])
@pytest.mark.parametrize("value", [0.1, 0.0, 1e300, -3.0, 5e-324])
def test_a_constant_column_becomes_zero(cls: type[Transform], value: float) -> None:
    train = [number("a", *[value] * 7)]
    assert through(make(cls), train)[0].values.tolist() == [0.0] * 7


@pytest.mark.parametrize("cls", [Standardize, MinMax])
def test_missing_numbers_stay_missing_and_do_not_count(cls: type[Transform]) -> None:
    with_gap = through(make(cls), [number("a", 1, NAN, 3)])[0].values
    assert [with_gap[0], with_gap[2]] == through(make(cls), [number("a", 1, 3)])[0].values.tolist()
    assert math.isnan(with_gap[1])


def test_a_large_mean_does_not_eat_the_deviation() -> None:
    values = np.array([1e9 + 1, 1e9 + 2, 1e9 + 3])
    scaled = through(make(Standardize), [number("a", *values)])[0].values
    assert scaled == pytest.approx([-math.sqrt(1.5), 0, math.sqrt(1.5)], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("cls", [Standardize, MinMax])
@pytest.mark.parametrize("per", ["all", "channel", "element"])
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_arrays(cls: type[Transform], per: str, dtype: str) -> None:
    values = np.random.default_rng(0).integers(0, 255, size=(50, 3, 4, 2)).astype(dtype)
    (column,) = through(make(cls, per=per), [Column("x", "array", values)])
    axis = {"all": None, "channel": (0, 1, 2), "element": 0}[per]
    x = values.astype(np.float64)
    if cls is Standardize:
        expected = (x - x.mean(axis=axis)) / x.std(axis=axis)
    else:
        expected = (x - x.min(axis=axis)) / (x.max(axis=axis) - x.min(axis=axis))
    assert np.allclose(column.values, expected, rtol=1e-12, atol=1e-12)


def test_statistics_in_portions_equal_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=(1000, 5))
    whole = make(Standardize, per="element").fit([Column("x", "array", values)])
    monkeypatch.setattr("bpcli.data.transforms._affine._CHUNK", 64)
    pieces = make(Standardize, per="element").fit([Column("x", "array", values)])
    assert np.allclose(whole["x"]["scale"], pieces["x"]["scale"], rtol=1e-14)


@pytest.mark.parametrize("transform", [make(Standardize), make(MinMax, low=-2.0, high=3.0)])
def test_invert(transform: Transform) -> None:
    train = [number("a", 1, 2, 7), number("b", 4, 4, 4)]
    fitted = transform.fit(train)
    back = transform.invert(transform.apply(train, fitted), fitted)
    for column, expected in zip(back, train, strict=True):
        assert column.values == pytest.approx(expected.values, rel=1e-15)


def test_what_cannot_be_inverted_says_so() -> None:
    with pytest.raises(ConfigError, match="impute cannot be undone"):
        make(Impute).invert([], {})


def test_columns_limit_and_unknown_names_are_errors() -> None:
    train = [number("a", 0, 2), number("b", 0, 2)]
    made = through(make(Standardize, columns=["b"]), train)
    assert [column.values.tolist() for column in made] == [[0.0, 2.0], [-1.0, 1.0]]
    with pytest.raises(DataError, match="did you mean 'age'"):
        make(Standardize, columns=["aeg"]).fit([number("age", 1, 2)])
    with pytest.raises(TextError):
        make(Standardize, columns=["t"]).fit([text("t", "x", "y")])
    assert make(Standardize).fit([text("t", "x", "y")]) == {}


@pytest.mark.parametrize("cls", [Standardize, MinMax])
def test_numbers_too_large_to_scale(cls: type[Transform]) -> None:
    with pytest.raises(CellError, match="too large"):
        make(cls).fit([number("a", -1.7e308, 1.7e308, 1.7e308)])


def test_all_missing_cannot_be_fitted() -> None:
    for transform in (make(Standardize), make(MinMax), make(Impute)):
        with pytest.raises(CellError, match="missing in all training rows"):
            transform.fit([number("a", NAN, NAN)])


def test_one_hot_known_answer() -> None:
    train = [number("n", 1, 2, 3), text("c", "red", "blue", "red"), number("m", 4, 5, 6)]
    made = through(make(OneHot), train)
    assert [column.name for column in made] == ["n", "c=blue", "c=red", "m"]
    assert [column.values.tolist() for column in made[1:3]] == [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]


def test_one_hot_of_numbers_in_their_order() -> None:
    made = through(make(OneHot, columns=["n"]), [number("n", 10, 9, 2.5)])
    assert [column.name for column in made] == ["n=2.5", "n=9", "n=10"]


def test_one_hot_unknown_and_missing() -> None:
    train, new = [text("c", "a", "b")], [text("c", "a", "z", "q", "z")]
    with pytest.raises(CellError, match="category 'z'") as caught:
        through(make(OneHot), train, new)
    assert caught.value.where.tolist() == [1, 3]
    made = through(make(OneHot, unknown="ignore"), train, new)
    assert [column.values.tolist() for column in made] == [[1.0, 0, 0, 0], [0.0, 0, 0, 0]]
    with pytest.raises(CellError, match="is missing") as caught:
        make(OneHot).fit([text("c", "a", None)])
    assert caught.value.where.tolist() == [1]


def test_one_hot_refuses_ids_and_numbers_in_disguise() -> None:
    with pytest.raises(CellError, match="1,001 categories, more than max_categories: 1000"):
        make(OneHot).fit([text("id", *(f"k{i}" for i in range(1001)))])
    odd = text("n", "1", "2", "x")
    with pytest.raises(TextError):
        make(OneHot).fit([odd])
    assert make(OneHot, columns=["n"]).fit([odd]) == {"n": ["1", "2", "x"]}


@pytest.mark.parametrize(
    ("fields", "numbers", "texts"),
    [
        ({}, [1.0, 2.0, 1.0, 4.0], ["a", "b", "b", None]),
        ({"strategy": "median"}, [1.0, 1.0, 1.0, 4.0], ["a", "b", "b", None]),
        ({"strategy": "most_frequent"}, [1.0, 1.0, 1.0, 4.0], ["a", "b", "b", "b"]),
        ({"strategy": "constant", "value": 9}, [1.0, 9.0, 1.0, 4.0], ["a", "b", "b", None]),
        ({"strategy": "constant", "value": "none"}, [1.0, None, 1.0, 4.0], ["a", "b", "b", "none"]),
        ({"strategy": "mean", "columns": ["m"]}, [1.0, None, 1.0, 4.0], ["a", "b", "b", None]),
    ],
)
def test_impute(fields: dict[str, Any], numbers: list[float | None], texts: list[str | None]) -> None:
    train = [number("n", 1, NAN, 1, 4), text("t", "a", "b", "b", None), number("m", 1, 1, 1, 1)]
    made = through(make(Impute, **fields), train)
    assert [None if math.isnan(value) else value for value in made[0].values] == numbers
    assert made[1].values.tolist() == texts
    assert math.isnan(train[0].values[1])  # the input is as it was


def test_impute_ties_and_new_gaps() -> None:
    train = [number("n", 3, 2, 3, 2), text("t", "b", "a", "b", "a")]
    made = through(make(Impute, strategy="most_frequent"), train, [number("n", NAN), text("t", None)])
    assert [column.values.tolist() for column in made] == [[2.0], ["a"]]


@pytest.mark.parametrize("fields", [{"strategy": "constant"}, {"value": 3}, {"strategy": "mode"}])
def test_impute_fields(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make(Impute, **fields)


def test_impute_of_the_wrong_kind() -> None:
    with pytest.raises(TextError):
        make(Impute, columns=["t"]).fit([text("t", "a", "b")])
    with pytest.raises(CellError, match="not to be filled with text"):
        make(Impute, strategy="constant", value="x", columns=["n"]).fit([number("n", 1)])


def test_against_scikit_learn() -> None:
    impute = pytest.importorskip("sklearn.impute")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5)) * 10.0 ** np.arange(-2, 3) + 3
    gaps = np.where(rng.random(x.shape) < 0.1, np.nan, x)
    columns = [number(f"c{i}", *gaps[:, i]) for i in range(5)]
    for ours, theirs in [
        (make(Standardize), preprocessing.StandardScaler()),
        (make(MinMax, low=-1.0, high=2.0), preprocessing.MinMaxScaler((-1.0, 2.0))),
        (make(Impute), impute.SimpleImputer()),
        (make(Impute, strategy="median"), impute.SimpleImputer(strategy="median")),
    ]:
        made = np.column_stack([column.values for column in through(ours, columns)])
        assert np.allclose(made, theirs.fit_transform(gaps), rtol=1e-10, atol=1e-10, equal_nan=True)
    words = rng.choice(["b", "a", "zz", "c"], size=100)
    made = np.column_stack([column.values for column in through(make(OneHot), [text("w", *words.tolist())])])
    assert np.array_equal(
        made, preprocessing.OneHotEncoder(sparse_output=False).fit_transform(words[:, None])
    )
