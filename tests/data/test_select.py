"""`data.select` and `data.per_class`: which rows are left, in which part, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.data.prepare import prepare, split_part
from bpcli.data.records import Prepared
from bpcli.errors import BpcliError
from bpcli.files import Files
from bpcli.spec.experiment import DataSection, Experiment
from bpcli.spec.load import load_mapping

NAMES = ("train", "val", "test")


def write(folder: Path, rows: int = 300) -> None:
    """data.csv: x (the row's number), a colour that is now and then missing, a digit 0 to 9."""
    lines = ["x,colour,digit"]
    for i in range(rows):
        lines.append(f"{i},{'' if i % 7 == 0 else ('red', 'blue', 'green')[i % 3]},{i * 7 % 10}")
    (folder / "data.csv").write_text("\n".join(lines) + "\n")


def section(folder: Path, **changes: Any) -> DataSection:
    source = {"type": "csv", "path": "data.csv", "target": "digit", "drop": ["colour"]}
    if changes.pop("colours", False):
        del source["drop"]
        changes["preprocess"] = [{"type": "impute", "strategy": "most_frequent"}, "one_hot"]
    tree = {"name": "n", "data": {"source": source, **changes}, "model": {"type": "mlp", "hidden": [2]}}
    experiment: Experiment = load_mapping(tree, folder=folder).experiment
    return experiment.data


def prepared(folder: Path, seed: int = 3, **changes: Any) -> Prepared:
    return prepare(section(folder, **changes), files=Files(folder), seed=seed)


def rows_of(data: Prepared) -> dict[str, set[int]]:
    """The lines of the file in each part."""
    parts = {name: getattr(data, name) for name in NAMES}
    return {name: set(part.rows.tolist()) for name, part in parts.items() if part is not None}


def refused(folder: Path, **changes: Any) -> str:
    with pytest.raises(BpcliError) as caught:
        prepared(folder, **changes)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "split", ["stratified", "random", {"type": "fixed", "train": 200, "val": 50, "test": 50}]
)
def test_a_row_stays_in_its_part_whatever_is_selected(folder: Path, split: Any) -> None:
    whole = prepared(folder, split=split)
    values = [5, 6, 7]
    some = prepared(folder, split=split, select={"column": "digit", "values": values})
    digit = {i + 2: i * 7 % 10 for i in range(300)}  # by the line of the file
    for name, lines in rows_of(whole).items():
        assert rows_of(some)[name] == {line for line in lines if digit[line] in values}
    assert some.target.labels == ("5", "6", "7")
    assert "data.select keeps 90 rows of 300." in some.notes


def test_by_a_feature_that_is_text(folder: Path) -> None:
    some = prepared(folder, colours=True, select={"column": "colour", "values": ["red", "blue"]})
    lines = set().union(*rows_of(some).values())
    assert lines == {i + 2 for i in range(300) if i % 7 and i % 3 < 2}


@pytest.mark.parametrize("values", [[3], [3.0], ["3"]])
def test_a_number_is_the_same_however_it_is_written(folder: Path, values: list[Any]) -> None:
    some = prepared(
        folder,
        select={"column": "x", "values": [10, 11, *values, 12, 13, 14, 15]},
        task="regression",
        split="random",
    )
    assert set().union(*rows_of(some).values()) == {i + 2 for i in (3, 10, 11, 12, 13, 14, 15)}


def test_labels_are_compared_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("x,colour,digit\n" + "".join(f"{i},r,0{i % 3}\n" for i in range(60)))
    some = prepared(tmp_path, task="classification", select={"column": "digit", "values": ["01", "02"]})
    assert some.target.labels == ("01", "02")
    message = refused(tmp_path, task="classification", select={"column": "digit", "values": [1, 2]})
    assert "no row holds '1' in column 'digit'" in message


def test_the_kind_of_target_is_that_of_the_rows_that_are_left(tmp_path: Path) -> None:
    lines = [f"{i},r,{i % 40}" for i in range(400)]
    (tmp_path / "data.csv").write_text("\n".join(["x,colour,digit", *lines]) + "\n")
    assert prepared(tmp_path).target.kind == "values"
    some = prepared(tmp_path, split="random", select={"column": "digit", "values": [1, 2, 3]})
    assert (some.target.kind, some.target.labels) == ("classes", ("1", "2", "3"))


def test_parts_with_sources_of_their_own_are_selected_too(folder: Path) -> None:
    (folder / "other.csv").write_text("x,digit\n1,3\n2,4\n3,9\n4,3\n")
    other = {"type": "csv", "path": "other.csv", "target": "digit"}
    some = prepared(folder, test_source=other, select={"column": "digit", "values": [3, 4]})
    assert rows_of(some)["test"] == {2, 3, 5}


def test_a_part_without_such_rows_is_none_and_said(folder: Path) -> None:
    (folder / "other.csv").write_text("x,digit\n1,9\n")
    other = {"type": "csv", "path": "other.csv", "target": "digit"}
    some = prepared(folder, test_source=other, select={"column": "digit", "values": [3, 4]})
    assert some.test is None
    assert "data.select leaves no row of the test part." in some.notes


def test_few_of_each_class_in_training_alone(folder: Path) -> None:
    whole, few = prepared(folder), prepared(folder, per_class=5)
    assert few.target.counts == (5,) * 10
    assert rows_of(few)["train"] < rows_of(whole)["train"]
    assert all(rows_of(few)[name] == rows_of(whole)[name] for name in ("val", "test"))
    assert "data.per_class keeps 50 rows of the 240 of the training part." in few.notes


def test_fewer_are_among_more_and_another_seed_draws_others(folder: Path) -> None:
    fixed = {"type": "fixed", "train": 200, "val": 50, "test": 50}
    three, five = (rows_of(prepared(folder, per_class=n, split=fixed))["train"] for n in (3, 5))
    assert three < five
    assert three == rows_of(prepared(folder, per_class=3, split=fixed))["train"]
    assert three != rows_of(prepared(folder, seed=4, per_class=3, split=fixed))["train"]


def test_a_class_with_fewer_rows_has_all_of_them(folder: Path) -> None:
    assert prepared(folder, per_class=10_000).target.counts == prepared(folder).target.counts


def test_preprocessing_is_fitted_on_the_rows_that_are_left(folder: Path) -> None:
    some = prepared(folder, preprocess=["standardize"], per_class=5)
    assert np.allclose(some.train.x.mean(0), 0, atol=1e-6) and np.allclose(some.train.x.std(0), 1, atol=1e-5)


@pytest.mark.parametrize("part", NAMES)
def test_a_part_that_is_read_again_has_the_same_rows(folder: Path, part: str) -> None:
    changes: dict[str, Any] = {"select": {"column": "digit", "values": [1, 2, 3]}, "per_class": 4}
    data = prepared(folder, **changes)
    again, digest = split_part(
        section(folder, **changes), data.pipeline, files=Files(folder), seed=3, part=part
    )
    assert digest == data.digest
    assert np.array_equal(again.rows, getattr(data, part).rows)
    assert np.array_equal(again.x, getattr(data, part).x)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"select": {"column": "digti", "values": [1]}},
            "no column 'digti' to select rows by; did you mean 'digit'?",
        ),
        ({"select": {"column": "colour", "values": ["red"]}}, "there are x and digit"),
        ({"select": {"column": "digit", "values": [1, 11]}}, "no row holds '11' in column 'digit'"),
        ({"select": {"column": "digit", "values": ["three"]}}, "it holds 0, 1, 2, 3, 4, 5, 6, 7, 8 and 9"),
        ({"select": {"column": "digit", "values": [1]}}, "only one class"),
        ({"select": {"column": "digit", "values": []}}, "data.select.values"),
        ({"select": {"column": "digit", "values": [True]}}, "data.select.values"),
        ({"select": {"column": "digit"}}, "'values' is missing"),
        ({"per_class": 0}, "data.per_class"),
        (
            {"per_class": 3, "task": "regression"},
            "per_class counts rows by their class, and the target is values",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_place(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    said = refused(folder, **changes)
    assert message in said
