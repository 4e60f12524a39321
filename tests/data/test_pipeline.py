"""The pipeline: one fit, the same function for ever after."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from bpcli.data import fitting
from bpcli.data import pipeline as pipelines
from bpcli.data.pipeline import Pipeline
from bpcli.data.records import Column, Records, Target
from bpcli.data.target import encode, fit_target
from bpcli.data.transforms.base import Transform
from bpcli.errors import CheckpointError, ConfigError, DataError
from bpcli.spec.registry import family
from tests.data.helpers import number, only, records, text

NAN = float("nan")
CLASSES = Target("classes", ("y",), ("a", "b"), (1, 1), 2)


def transforms(*specs: str | dict[str, Any]) -> list[Transform]:
    made: list[Transform] = []
    for spec in specs:
        fields = {"type": spec} if isinstance(spec, str) else spec
        transform = family("transforms")[fields["type"]].model_validate(fields)
        assert isinstance(transform, Transform)
        made.append(transform)
    return made


def fit(data: Records, *specs: str | dict[str, Any]) -> Pipeline:
    return fitting.fit(data, transforms(*specs), CLASSES)


TRAIN = records([number("n", 1, NAN, 3), text("c", "x", "y", "x"), number("m", 0, 10, 20)])
STEPS = ({"type": "impute"}, "one_hot", {"type": "standardize", "columns": ["n", "m"]})


def test_fit_and_apply() -> None:
    fitted = fit(TRAIN, *STEPS)
    assert fitted.outputs == ("n", "c=x", "c=y", "m")
    assert fitted.shape == (4,)
    x = fitted.apply(TRAIN, np.float64)
    deviation = np.sqrt(2 / 3)
    assert x[:, 0] == pytest.approx([-1 / deviation, 0, 1 / deviation])
    assert x[:, 1:3].tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    assert fitted.apply(TRAIN).dtype == np.float32


def test_columns_are_matched_by_name() -> None:
    fitted = fit(TRAIN, *STEPS)
    swapped = records([number("extra", 1, 2, 3), *reversed(list(TRAIN.features))])
    assert np.array_equal(fitted.apply(swapped), fitted.apply(TRAIN))
    with pytest.raises(DataError, match="needs the column 'm'"):
        fitted.apply(records(TRAIN.features[:2]))
    with pytest.raises(DataError, match="needs the columns 'n', 'c' and 'm'"):
        fitted.apply(records([number("z", 1)]))


def test_rows_one_by_one_equal_rows_together(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = fit(TRAIN, *STEPS)
    whole = fitted.apply(TRAIN)
    monkeypatch.setattr(pipelines, "_PORTION", 1)
    assert np.array_equal(fitted.apply(TRAIN), whole)


def test_json_round_trip_is_exact() -> None:
    fitted = fit(TRAIN, *STEPS)
    again = Pipeline.from_json(fitted.to_json())
    assert again == fitted
    assert again.to_json() == fitted.to_json()
    assert np.array_equal(again.apply(TRAIN), fitted.apply(TRAIN))
    json.loads(fitted.to_json(), parse_constant=lambda name: pytest.fail(name))


@pytest.mark.parametrize(
    "damage",
    [
        lambda tree: "",
        lambda tree: "[]",
        lambda tree: "{}",
        lambda tree: json.dumps(tree | {"version": 99}),
        lambda tree: json.dumps(tree | {"features": [["n"]]}),
        lambda tree: json.dumps(tree | {"steps": [{"transform": {"type": "no_such"}, "fitted": {}}]}),
        lambda tree: json.dumps(tree | {"steps": [{"transform": {"type": "impute", "x": 1}, "fitted": {}}]}),
        lambda tree: json.dumps(tree | {"target": {"kind": "classes"}}),
        lambda tree: "[" * 100_000,
    ],
)
def test_damaged_json_is_one_sentence(damage: Any) -> None:
    tree = json.loads(fit(TRAIN, *STEPS).to_json())
    with pytest.raises(CheckpointError) as caught:
        Pipeline.from_json(damage(tree))
    assert "\n" not in str(caught.value)


def test_an_array_alone_keeps_its_shape() -> None:
    images = Column("image", "array", np.arange(24, dtype=np.uint8).reshape(2, 3, 4, 1))
    fitted = fit(records([images]), "min_max")
    x = fitted.apply(records([images]))
    assert (fitted.outputs, fitted.shape, x.shape) == (("image",), (3, 4, 1), (2, 3, 4, 1))
    assert x.reshape(-1)[[0, -1]].tolist() == [0.0, 1.0]
    with pytest.raises(DataError, match=r"shape \(3, 3, 1\).*trained on \(3, 4, 1\)"):
        fitted.apply(records([Column("image", "array", np.zeros((2, 3, 3, 1)))]))
    with pytest.raises(DataError, match="cannot stand beside other columns"):
        fit(records([images, number("n", 1, 2)]))


def problem(data: Records, *specs: str | dict[str, Any]) -> Any:
    with pytest.raises(DataError) as caught:
        fit(data, *specs).apply(data)
    return only(caught.value)


def test_text_that_nothing_consumes() -> None:
    found = problem(records([text("c", "x", "y"), number("n", 1, 2)]), "standardize")
    assert found.message == "column 'c' is text"
    assert "{type: one_hot, columns: [c]}" in found.hint


def test_a_text_cell_in_a_number_column_is_shown_with_its_line() -> None:
    for steps in ([], ["standardize"], ["one_hot"], [{"type": "standardize", "columns": ["n"]}]):
        found = problem(records([text("n", "1", "abc", "3", "4")]), *steps)
        assert found.message == "column 'n' holds 'abc' instead of a number in line 3"
        assert (found.file, found.line) == ("data.csv", 3)
        assert "add 'abc' to missing" in found.hint


def test_a_header_taken_for_a_row() -> None:
    found = problem(records([text("x0", "length", "3", "4")], first=1))
    assert found.line == 1
    assert "header: true" in found.hint


def test_a_missing_number_names_its_rows() -> None:
    found = problem(TRAIN, "one_hot")
    assert found.message == "column 'n' is missing in line 3"
    assert "{type: impute, columns: [n]}" in found.hint


def test_errors_of_a_step_name_its_place() -> None:
    found = problem(TRAIN, "impute", {"type": "one_hot", "columns": ["cc"]})
    assert found.path == "data.preprocess[1]"
    assert "did you mean 'c'" in found.hint


def test_a_number_too_large_for_float32() -> None:
    found = problem(records([number("n", 1, 1e300)]))
    assert found.message == "column 'n' holds a number too large for float32 in line 3"
    data = records([number("n", 1, 1e300)])
    assert fit(data).apply(data, np.float64)[1, 0] == 1e300


def test_new_cells_of_another_kind() -> None:
    fitted = fit(TRAIN, *STEPS)
    new = records([text("n", "1", "2.5", "oops"), text("c", "x", "x", "x"), number("m", 1, 2, 3)])
    with pytest.raises(DataError, match="column 'n' holds 'oops' instead of a number in line 4"):
        fitted.apply(new)
    fine = records([text("n", "1", None, "3"), text("c", "x", "y", "x"), number("m", 0, 10, 20)])
    assert np.array_equal(fitted.apply(fine), fitted.apply(TRAIN))
    codes = fit(records([text("c", "1", "2", "x")]), {"type": "one_hot", "columns": ["c"]})
    assert codes.apply(records([number("c", 2.0, 1.0)])).tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    with pytest.raises(DataError, match="of kind array; the model was trained on number"):
        fitted.apply(records([Column("n", "array", np.zeros((3, 2))), *TRAIN.features[1:]]))


def test_an_unknown_category_names_its_rows() -> None:
    fitted = fit(TRAIN, *STEPS)
    new = records([number("n", 1, 2), text("c", "x", "zebra"), number("m", 1, 2)])
    with pytest.raises(DataError, match=r"column 'c' has the category 'zebra'.* in line 3"):
        fitted.apply(new)


def test_rows_are_named_rightly_in_later_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines, "_PORTION", 2)
    found = problem(records([number("n", *range(9), NAN)]))
    assert found.line == 11


def test_target_transform_there_and_back() -> None:
    data = records([number("n", 1, 2, 3)], [number("y", 100, 200, 600)])
    target = fit_target(data, "regression", None)
    y = encode(target, data)
    fitted = fitting.fit(data, [], target, target_transform=transforms("standardize")[0], y=y)
    trained = fitted.targets(y, np.float64)
    assert trained.mean() == pytest.approx(0, abs=1e-15)
    assert trained.std() == pytest.approx(1)
    assert fitted.target.mean == pytest.approx((0,), abs=1e-15)  # of what the net is trained on
    assert fitted.invert_target(trained) == pytest.approx(y)
    assert Pipeline.from_json(fitted.to_json()).invert_target(trained) == pytest.approx(y)


def test_target_transform_that_makes_no_sense() -> None:
    data = records([number("n", 1, 2)], [number("y", 1.5, 2.5)])
    target = fit_target(data, "auto", None)
    with pytest.raises(ConfigError, match="impute cannot be undone"):
        fitting.fit(data, [], target, target_transform=transforms("impute")[0], y=encode(target, data))
    with pytest.raises(DataError, match="target_transform is for values"):
        fitting.fit(data, [], CLASSES, target_transform=transforms("standardize")[0])


def test_a_target_too_large_for_float32() -> None:
    data = records([number("n", 1, 2)], [number("y", 1e300, 2.5)])
    target = fit_target(data, "auto", None)
    fitted = fitting.fit(data, [], target)
    with pytest.raises(DataError, match="too large for float32"):
        fitted.targets(encode(target, data))
