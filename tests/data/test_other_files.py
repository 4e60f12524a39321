"""Files beside the training file are read by the names that the columns had there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.data.prepare import prepare, read_part, split_part
from bpcli.data.records import Prepared
from bpcli.errors import DataError
from bpcli.files import Files
from bpcli.spec.experiment import DataSection

ROWS = [(i % 5, (i * 3) % 7 + 0.5, "no" if i % 2 else "yes") for i in range(40)]


def table(path: Path, columns: str, rows: list[Any]) -> None:
    path.write_text("\n".join([columns, *(",".join(map(str, row)) for row in rows)]) + "\n")


def section(**source: Any) -> DataSection:
    return DataSection.model_validate({"source": {"type": "csv", "path": "tr.csv", **source}})


def prepared(folder: Path, data: DataSection) -> Prepared:
    return prepare(data, files=Files(folder), seed=1)


def same(folder: Path, data: DataSection, made: Prepared, *, target: bool) -> None:
    """new.csv gives the arrays that the training file itself gives."""
    files = Files(folder)
    expected = read_part(data, made.pipeline, files=files)
    found = read_part(data, made.pipeline, str(folder / "new.csv"), files=files, target=target)
    assert np.array_equal(found.x, expected.x)
    assert (found.y is None) is not target
    if target:
        for one, other in ((found.y, expected.y), (found.weight, expected.weight)):
            assert (one is None) == (other is None)
            assert one is None or other is None or np.array_equal(one, other)


@pytest.mark.parametrize("fields", [{"target": -1}, {"target": 2}, {"target": [-1]}, {"target": "y"}])
def test_the_target_is_found_by_its_name(tmp_path: Path, fields: dict[str, Any]) -> None:
    table(tmp_path / "tr.csv", "a,b,y", ROWS)
    data = section(**fields)
    made = prepared(tmp_path, data)
    table(tmp_path / "new.csv", "a,b", [row[:2] for row in ROWS])
    same(tmp_path, data, made, target=False)
    table(tmp_path / "new.csv", "a,b,y,id", [(*row, 7) for row in ROWS])
    same(tmp_path, data, made, target=True)
    table(tmp_path / "new.csv", "y,id,b,a", [(row[2], 7, row[1], row[0]) for row in ROWS])
    same(tmp_path, data, made, target=True)


@pytest.mark.parametrize("fields", [{"drop": [-1]}, {"columns": [1, 0]}])
def test_positions_of_features_are_those_of_the_training_file(tmp_path: Path, fields: dict[str, Any]) -> None:
    table(tmp_path / "tr.csv", "a,b,y,id", [(*row, i) for i, row in enumerate(ROWS)])
    data = section(target="y", **fields)
    made = prepared(tmp_path, data)
    assert {feature.name for feature in made.pipeline.features} == {"a", "b"}
    table(tmp_path / "new.csv", "b,y,a", [(row[1], row[2], row[0]) for row in ROWS])
    same(tmp_path, data, made, target=True)


def test_the_weight_is_found_by_its_name(tmp_path: Path) -> None:
    table(tmp_path / "tr.csv", "a,b,y,w", [(*row, 1 + i % 3) for i, row in enumerate(ROWS)])
    data = section(target="y", weight=-1)
    made = prepared(tmp_path, data)
    again = type(made.pipeline).from_json(made.pipeline.to_json())
    assert again == made.pipeline and again.layout.weight == "w"
    table(tmp_path / "new.csv", "w,a,b,y,id", [(1 + i % 3, *row, 99) for i, row in enumerate(ROWS)])
    same(tmp_path, data, made, target=True)


def test_without_a_header_target_and_weight_may_both_be_absent(tmp_path: Path) -> None:
    (tmp_path / "tr.csv").write_text(
        "".join(f"{1 + i % 3},{a},{y},{b}\n" for i, (a, b, y) in enumerate(ROWS))
    )
    data = section(header=False, target=2, weight=0)
    made = prepared(tmp_path, data)
    (tmp_path / "new.csv").write_text("".join(f"{a},{b}\n" for a, b, _ in ROWS))
    same(tmp_path, data, made, target=False)


def test_an_absent_column_is_still_named(tmp_path: Path) -> None:
    table(tmp_path / "tr.csv", "height,width,y", ROWS)
    data = section(target=-1)
    made = prepared(tmp_path, data)
    table(tmp_path / "new.csv", "height,widht", [row[:2] for row in ROWS])
    with pytest.raises(DataError, match="needs the column 'width'; is it 'widht' here"):
        read_part(data, made.pipeline, str(tmp_path / "new.csv"), files=Files(tmp_path), target=False)
    table(tmp_path / "new.csv", "height,width,z", ROWS)
    with pytest.raises(DataError, match="there is no column 'y'"):
        read_part(data, made.pipeline, str(tmp_path / "new.csv"), files=Files(tmp_path))


@pytest.mark.parametrize("part", ["val_source", "test_source"])
def test_a_part_with_another_target_is_refused(tmp_path: Path, part: str) -> None:
    table(tmp_path / "tr.csv", "a,b,y", ROWS)
    table(tmp_path / "te.csv", "a,b,y,z", [(*row, row[2]) for row in ROWS])
    fields = {"source": {"type": "csv", "path": "tr.csv", "target": "y"}}
    other = {"type": "csv", "path": "te.csv", "target": "z"}
    with pytest.raises(DataError, match="the target is 'z', and in training it was 'y'"):
        prepared(tmp_path, DataSection.model_validate({**fields, part: other}))
    prepared(tmp_path, DataSection.model_validate({**fields, part: {**other, "target": -2}}))


@pytest.mark.parametrize("target", [["y", "y"], ["y", -1], [2, -1]])
def test_a_target_named_twice_is_refused(tmp_path: Path, target: list[Any]) -> None:
    table(tmp_path / "tr.csv", "a,b,y", ROWS)
    with pytest.raises(DataError, match="column 'y' is named twice in target"):
        prepared(tmp_path, section(target=target))


def test_a_header_of_numbers_is_noted(tmp_path: Path) -> None:
    table(tmp_path / "tr.csv", "4,5,6", ROWS)
    said = [note for note in prepared(tmp_path, section(target=-1)).notes if "first line" in note]
    assert said == [
        "The first line (4, 5 and 6) is taken as the columns' names; set header: false if it is data."
    ]
    table(tmp_path / "tr.csv", "4,5,y", ROWS)
    assert not any("first line" in note for note in prepared(tmp_path, section(target=-1)).notes)


@pytest.mark.parametrize(
    ("cells", "labels", "kept"),
    [
        (("01", "02"), ("01", "02"), True),
        (("1", "1.0"), ("1", "1.0"), True),
        (("1", "001", "2"), ("001", "1", "2"), True),
        (("1", "2"), ("1", "2"), False),
        (("1.0", "2.0"), ("1", "2"), False),
        (("0", "10", "9"), ("0", "9", "10"), False),
    ],
)
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("where", [0, 1, 2])
def test_labels_that_numbers_would_change_stay_as_they_are_written(
    tmp_path: Path, cells: tuple[str, ...], labels: tuple[str, ...], kept: bool, quote: str, where: int
) -> None:
    def rows(order: int) -> list[list[str]]:
        found = []
        for i in range(60):
            row = [str(i), str(i * i % 11)]
            row.insert(where if order else 0, f" {quote}{cells[i % len(cells)]}{quote}")
            found.append(row)
        return found

    names = ["a", "b"]
    names.insert(where, "y")
    table(tmp_path / "tr.csv", ",".join(names), rows(1))
    data = section(target="y")
    made = prepared(tmp_path, data)
    assert made.target.labels == labels
    assert any("kept as they are written" in note for note in made.notes) == kept
    table(tmp_path / "new.csv", "y,a,b", rows(0))
    same(tmp_path, data, made, target=True)
    part, _ = split_part(data, made.pipeline, files=Files(tmp_path), seed=1, part="test")
    assert made.test is not None and part.y is not None and made.test.y is not None
    assert np.array_equal(part.y, made.test.y)


def test_values_with_leading_zeros_are_numbers(tmp_path: Path) -> None:
    table(tmp_path / "tr.csv", "a,y", [(i, f"{i % 4:02}") for i in range(40)])
    data = section(target="y").model_copy(update={"task": "regression"})
    assert prepared(tmp_path, data).target.kind == "values"
