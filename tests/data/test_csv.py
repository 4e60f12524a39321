"""The csv source: what it reads, and the one clear sentence about what it cannot."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.data.sources.base import Layout
from bpcli.data.sources.csv import Csv
from bpcli.errors import DataError
from bpcli.files import Files
from tests.data.helpers import cells, only, read


def test_names_kinds_and_lines(tmp_path: Path) -> None:
    found = read(tmp_path, "a,b,y\n1,x,3\n\n2.5,z,4\n", target="y")
    assert [(c.name, c.kind) for c in found.features] == [("a", "number"), ("b", "text")]
    assert cells(found) == {"a": [1.0, 2.5], "b": ["x", "z"], "y": [3.0, 4.0]}
    assert found.rows.tolist() == [2, 4]  # the blank line counts, the header too
    assert (found.row_word, found.width, len(found.digest)) == ("line", 0, 64)


def test_without_header_columns_go_by_position(tmp_path: Path) -> None:
    found = read(tmp_path, "1,2,a\n3,4,b\n", header=False, target=-1, drop=[0])
    assert cells(found) == {"x1": [2.0, 4.0], "x2": ["a", "b"]}
    assert [c.name for c in found.targets] == ["x2"]
    assert found.rows.tolist() == [1, 2]
    assert found.width == 3


def test_columns_choose_and_order_features(tmp_path: Path) -> None:
    found = read(tmp_path, "a,b,c,y\n1,2,3,4\n", target="y", columns=["c", "a"])
    assert [c.name for c in found.features] == ["c", "a"]


def test_several_targets_and_a_weight(tmp_path: Path) -> None:
    found = read(tmp_path, "a,w,p,q\n1,2,0,1\n5,0,1,1\n", target=["q", "p"], weight="w")
    assert [c.name for c in found.targets] == ["q", "p"]
    assert found.weight is not None
    assert found.weight.tolist() == [2.0, 0.0]
    assert [c.name for c in found.features] == ["a"]


@pytest.mark.parametrize("missing", ["", "?", " ", " ? "])
def test_missing_cells_of_both_kinds(tmp_path: Path, missing: str) -> None:
    found = read(tmp_path, f"a,b\n1,x\n{missing},{missing}\n3,z\n")
    numbers, texts = cells(found)["a"], cells(found)["b"]
    assert numbers[0] == 1.0
    assert math.isnan(numbers[1])
    assert texts == ["x", None, "z"]


def test_a_number_may_stand_for_missing(tmp_path: Path) -> None:
    values = cells(read(tmp_path, "a,b\n1,-999\n-999, 2\n", missing=["-999"]))
    assert math.isnan(values["a"][1])
    assert math.isnan(values["b"][0])
    assert values["b"][1] == 2.0


@pytest.mark.parametrize(
    "cell",
    [
        "nan",
        "NaN",
        "inf",
        "-Infinity",
        "1_000",
        "0x1f",
        "١٢",
        "1,5",
        "1e",
        "--1",
        "1 2",
        "½",
        "+",
        "1d3",
        ".",
    ],
)
def test_what_float_takes_but_is_no_number_is_text(tmp_path: Path, cell: str) -> None:
    found = read(tmp_path, f'a;b\n1;2\n"{cell}";3\n', delimiter=";")
    assert [c.kind for c in found.features] == ["text", "number"]
    assert cells(found)["a"] == ["1", cell]


@pytest.mark.parametrize(
    "cell", ["1", "-1.", "+.5", "1e3", "1E-3", " 7 ", "0012", "1e-400", "123456789012345678901"]
)
def test_what_is_a_number(tmp_path: Path, cell: str) -> None:
    assert cells(read(tmp_path, f"a,b\n{cell},x\n"))["a"] == [float(cell)]
    assert cells(read(tmp_path, f"a,b\n{cell},1\n"))["a"] == [float(cell)]


@pytest.mark.parametrize("other", ["x", "1"])
def test_a_number_beyond_float64_is_refused(tmp_path: Path, other: str) -> None:
    with pytest.raises(DataError, match="column 'a' holds a number too large") as caught:
        read(tmp_path, f"a,b\n1,{other}\n-1e400,{other}\n")
    assert only(caught.value).line == 3


def test_a_column_that_turns_to_text_late_is_text_from_the_start(tmp_path: Path) -> None:
    rows = 5000  # several chunks
    body = "".join(f"{i:04d},{i}\n" for i in range(rows))
    found = read(tmp_path, f"a,b\n{body}x,1\n")
    values = cells(found)
    assert values["a"] == [f"{i:04d}" for i in range(rows)] + ["x"]
    assert values["b"][-2:] == [rows - 1.0, 1.0]


def test_quotes_newlines_and_spaces(tmp_path: Path) -> None:
    found = read(tmp_path, 'a, b,y\n"x,1", "two\nlines",1\n"say ""hi""",z,2\n"",c,3\n', target="y")
    assert cells(found)["a"] == ["x,1", 'say "hi"', None]
    assert cells(found)["b"] == ["two\nlines", "z", "c"]
    assert found.rows.tolist() == [2, 4, 5]  # where each row begins


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path: Path, end: str) -> None:
    found = read(tmp_path, f"a,b{end}1,2{end}3,4")
    assert cells(found) == {"a": [1.0, 3.0], "b": [2.0, 4.0]}
    assert found.rows.tolist() == [2, 3]


@pytest.mark.parametrize("header", [True, False])
def test_a_byte_order_mark_is_no_part_of_the_first_cell(tmp_path: Path, header: bool) -> None:
    data = ("a,b\n" if header else "") + "1,2\n3,4\n"
    found = read(tmp_path, b"\xef\xbb\xbf" + data.encode(), header=header)
    assert [c.values.tolist() for c in found.features] == [[1.0, 3.0], [2.0, 4.0]]


def test_encodings(tmp_path: Path) -> None:
    for encoding in ("latin-1", "utf-16", "cp1252"):
        found = read(tmp_path, "naïve,b\né,1\n".encode(encoding), encoding=encoding)
        assert cells(found) == {"naïve": ["é"], "b": [1.0]}


@pytest.mark.parametrize("delimiter", [";", "\t", "tab", "|", " "])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    mark = "\t" if delimiter == "tab" else delimiter
    found = read(tmp_path, f"a{mark}b\n1{mark}2\n", delimiter=delimiter)
    assert cells(found) == {"a": [1.0], "b": [2.0]}


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "\r"])
def test_impossible_delimiters(delimiter: str) -> None:
    with pytest.raises(ValidationError, match="expected one character"):
        Csv.model_validate({"path": "x", "delimiter": delimiter})


@pytest.mark.parametrize(
    ("data", "fields", "message", "line", "hint"),
    [
        (b"", {}, "the file is empty", None, None),
        (b"\n \n", {}, "the file is empty", None, None),
        (b"a,b\n", {}, "header but no rows", None, None),
        (b"a,b\n1,2\n3\n", {}, "1 field, where the header has 2", 3, None),
        (b"a,b\n1,2\n\n3,4,5\n", {}, "3 fields, where the header has 2", 4, '"quotes"'),
        (b"1,2\n3\n", {"header": False}, "1 field, where the first line has 2", 2, None),
        (b"a,b,a\n1,2,3\n", {}, "columns 1 and 3 are both called 'a'", 1, "name of its own"),
        (b"1.5,1.5\n1,2\n", {}, "both called '1.5'", 1, "header: false"),
        (b"5.1,3.5,0\n4.9,3.0,0\n", {}, "holds only numbers", 1, "header: false"),
        (b"a;b\n1;2\n", {}, "no ',' but 1 of ';'", 1, 'delimiter: ";"'),
        (b"a\tb\n1\t2\n", {}, "no ',' but 1 of '\\t'", 1, 'delimiter: "tab"'),
        (b'a,b\n1,"x\n2,y\n', {}, "a quote is opened and not closed", 2, "between lines 2 and 3"),
        (b'a,b\n1,"' + b"x" * 140_000 + b'"\n', {}, "over 128 KiB", 2, None),
        (b'a,b\n1,"x"y\n', {}, "text follows a closing quote", 2, None),
        (b"a,b\n1,\0\n", {}, "a NUL byte at offset 6", 2, "exported as CSV"),
        ("a,b\n1,é\n".encode("latin-1"), {}, "byte 0xe9 at offset 6 is not utf-8", 2, "latin-1"),
        ("a,b\n1,2\n".encode("utf-16"), {}, "UTF-16", None, "encoding: utf-16"),
        (b"a,b\n1,2\n3", {"encoding": "utf-16"}, "is not utf-16 text", None, "leave out"),
        (b"\xff\xfea\x00\x00\xd8", {"encoding": "utf-16"}, "is not utf-16 text", 1, None),
        (b"a,,c\n1,2,3\n", {}, "column 2 has no name", 1, "drop: [1]"),
        (b"a,b\n1,2\n", {"target": "lebel"}, "no column 'lebel' (target)", None, "its columns are a, b"),
        (b"a,label\n1,2\n", {"target": "lable"}, "no column 'lable'", None, "did you mean 'label'?"),
        (b"a,b\n1,2\n", {"target": 2}, "no column 2 (target)", None, None),
        (b"a,b\n1,2\n", {"drop": ["c"]}, "no column 'c' (drop)", None, None),
        (b"a,b\n1,2\n", {"columns": ["a", "b"], "target": "b"}, "also as target", None, None),
        (b"a,b\n1,2\n", {"columns": ["a", 0]}, "named twice", None, None),
        (b"a,b\n1,2\n", {"drop": ["a"], "target": "b"}, "no column is left", None, None),
        (b"1,a\n2,b\n", {"header": False, "target": "y"}, "no column 'y'", None, "by position"),
        (b"a,w\n1,-1\n", {"weight": "w"}, "missing or negative in line 2", None, None),
        (b"a,w\n1,\n", {"weight": "w"}, "missing or negative in line 2", None, None),
        (b"a,w\n1,x\n", {"weight": "w"}, "holds text", None, None),
        (b"a,w\n1,0\n", {"weight": "w"}, "0 everywhere", None, None),
        (b",".join(b"c%d" % i for i in range(100_001)) + b"\n", {}, "100,001 columns", 1, "npz"),
    ],
)  # fmt: skip
def test_errors_say_what_where_and_how(
    tmp_path: Path, data: bytes, fields: dict[str, object], message: str, line: int | None, hint: str | None
) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, data, **fields)
    problem = only(caught.value)
    assert message in problem.message
    assert "\n" not in str(problem)
    assert problem.file is not None
    assert problem.file.endswith("data.csv")
    if line is not None:
        assert problem.line == line
    if hint is not None:
        assert problem.hint is not None
        assert hint in problem.hint


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no data file nowhere\.csv"):
        Csv(path="nowhere.csv").read(Files(tmp_path))
    with pytest.raises(DataError, match="is a folder"):
        Csv(path=".").read(Files(tmp_path))


def test_an_unnamed_column_may_be_dropped(tmp_path: Path) -> None:
    assert cells(read(tmp_path, ",a\n0,5\n1,6\n", drop=[0])) == {"a": [5.0, 6.0]}


def test_a_header_of_whole_numbers_is_a_header(tmp_path: Path) -> None:
    assert cells(read(tmp_path, "0,1\n5,6\n", wants_target=False)) == {"0": [5.0], "1": [6.0]}


def test_new_rows_need_neither_target_nor_weight_nor_dropped_columns(tmp_path: Path) -> None:
    found = read(tmp_path, "a\n5\n", target="y", weight="w", drop=["id"], wants_target=False)
    assert cells(found) == {"a": [5.0]}
    assert found.weight is None
    assert list(found.targets) == []


def test_new_rows_keep_a_text_column_text(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("zip,y\n01,1\n02,02\n")
    source = Csv(path="train.csv", target="y").at("new.csv")
    found = source.read_like(Files(tmp_path), Layout({"zip": "text", "y": "text"}, ("y",)))
    assert cells(found) == {"zip": ["01", "02"], "y": ["1", "02"]}


@pytest.mark.parametrize("target", [0, 1, -1])
def test_headerless_new_rows_with_and_without_the_target(tmp_path: Path, target: int) -> None:
    row = ["10", "11", "12"]
    position = target % 3
    name = f"x{position}"
    layout = Layout({f"x{i}": "number" for i in range(3)}, (name,), 3)
    source = Csv(path="new.csv", header=False, target=target)
    (tmp_path / "new.csv").write_text(",".join(row))
    whole = source.read_like(Files(tmp_path), layout)
    del row[position]
    (tmp_path / "new.csv").write_text(",".join(row))
    without = source.read_like(Files(tmp_path), layout, target=False)
    assert [c.name for c in whole.targets] == [name]
    assert list(without.targets) == []
    assert {c.name: c.values.tolist() for c in whole.features} == cells(without)
    (tmp_path / "new.csv").write_text("1,2,3,4")
    with pytest.raises(DataError, match="4 columns; the model was trained on 3, 2 without the target"):
        source.read_like(Files(tmp_path), layout)


def test_both_parsers_agree(tmp_path: Path) -> None:
    """A file of nothing but numbers takes the fast way; one text column more, and it takes the other."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(300, 4)) * 10.0 ** rng.integers(-300, 300, size=(300, 4))
    plain = "a,b,c,d\n" + "\n".join(",".join(map(repr, row)) for row in table.tolist())
    mixed = "a,b,c,d,t\n" + "\n".join(",".join(map(repr, row)) + ",x" for row in table.tolist())
    fast, strict = read(tmp_path, plain), read(tmp_path, mixed)
    assert np.array_equal(np.stack([c.values for c in fast.features], axis=1), table)
    assert np.array_equal(np.stack([c.values for c in strict.features[:4]], axis=1), table)
    assert fast.rows.tolist() == strict.rows.tolist() == list(range(2, 302))


def test_the_field_limit_of_the_process_is_left_alone(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    read(tmp_path, "a,b\n1,x\n")
    assert csv.field_size_limit() == before
