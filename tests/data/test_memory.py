"""Rows in memory: data frames go by names, and odd cells are refused in words."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.data.memory import part_from_memory
from bpcli.data.pipeline import Pipeline
from bpcli.data.prepare import prepare
from bpcli.errors import DataError
from bpcli.files import Files
from bpcli.spec.experiment import DataSection


class Frame:
    """As little as a data frame can be."""

    def __init__(self, columns: dict[Any, list[Any]]) -> None:
        self.data = columns

    @property
    def columns(self) -> list[Any]:
        return list(self.data)

    def __getitem__(self, name: Any) -> list[Any]:
        return self.data[name]

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(list(self.data.values()), dtype=dtype).T


class NAType:
    """A gap that cannot be compared, as in pandas."""

    def __bool__(self) -> bool:
        raise TypeError("ambiguous")


def pipeline(folder: Path, header: str = "a,b,y\n", **fields: Any) -> Pipeline:
    lines = (f"{i % 5},{i % 3},{'u' if i % 2 else 'v'}\n" for i in range(40))
    (folder / "tr.csv").write_text(header + "".join(lines))
    source = {"type": "csv", "path": "tr.csv", "target": -1, "header": bool(header)}
    data = DataSection.model_validate({"source": source, **fields})
    return prepare(data, files=Files(folder), seed=1).pipeline


def x(pipe: Pipeline, rows: Any) -> list[Any]:
    return part_from_memory(pipe, rows, dtype="float64").x.tolist()


def test_a_frame_goes_by_names(tmp_path: Path) -> None:
    pipe = pipeline(tmp_path)
    assert x(pipe, Frame({"b": [1, 2], "z": ["p", "q"], "a": [3, 4]})) == [[3.0, 1.0], [4.0, 2.0]]
    with pytest.raises(DataError, match=r"there is no column 'a'; is it 'A' here\?"):
        x(pipe, Frame({"b": [1], "A": [3]}))


def test_a_frame_that_only_counts_is_an_array_where_training_had_no_names(tmp_path: Path) -> None:
    assert x(pipeline(tmp_path, header=""), Frame({0: [3.0, 4.0], 1: [1.0, 2.0]})) == [[3.0, 1.0], [4.0, 2.0]]
    assert x(pipeline(tmp_path, header=""), Frame({"x1": [1.0], "x0": [3.0]})) == [[3.0, 1.0]]


def test_a_real_frame(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pipe = pipeline(tmp_path)
    assert x(pipe, pandas.DataFrame({"b": [1, 2], "a": [3, 4]})) == [[3.0, 1.0], [4.0, 2.0]]


@pytest.mark.parametrize("gap", [None, float("nan"), np.float32("nan"), NAType()])
def test_gaps_of_all_kinds(tmp_path: Path, gap: Any) -> None:
    pipe = pipeline(tmp_path, preprocess=[{"type": "impute", "strategy": "constant", "value": 9}])
    assert x(pipe, [{"a": gap, "b": 1}]) == [[9.0, 1.0]]


@pytest.mark.parametrize(
    ("cell", "number"),
    [(True, 1), (np.bool_(False), 0), (Decimal("2.5"), 2.5), (Fraction(1, 4), 0.25), ("3", 3)],
)
def test_cells_that_are_numbers(tmp_path: Path, cell: Any, number: float) -> None:
    assert x(pipeline(tmp_path), [{"a": cell, "b": 1}]) == [[number, 1.0]]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (10**400, "row 1: column 'a' holds a number too large for a float64"),
        (1j, "row 1: column 'a' holds a complex"),
        (np.complex64(1j), "row 1: column 'a' holds a complex64"),
        ([1, 2], "row 1: column 'a' holds a list"),
        (b"1", "row 1: column 'a' holds a bytes"),
        (object(), "row 1: column 'a' holds a object"),
        ("many", "holds 'many' instead of a number"),
        (float("inf"), "too large"),
    ],
)
def test_cells_that_are_refused(tmp_path: Path, cell: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        x(pipeline(tmp_path), [{"a": 1, "b": 1}, {"a": cell, "b": 1}])


@pytest.mark.parametrize("rows", [[[1, 2], [3]], np.array([[1j, 2]]), [10**400], "text"])
def test_rows_that_make_no_array(tmp_path: Path, rows: Any) -> None:
    with pytest.raises(DataError):
        x(pipeline(tmp_path), rows)


@pytest.mark.parametrize("rows", [np.array([["a", "b"]]), np.array([[1j]]), [[[1, 2], [3]]]])
def test_an_array_column_takes_numbers_only(tmp_path: Path, rows: Any) -> None:
    np.savez(tmp_path / "d.npz", x=np.arange(80.0).reshape(20, 4), y=np.arange(20) % 2)
    data = DataSection.model_validate({"source": {"type": "npz", "path": "d.npz"}})
    pipe = prepare(data, files=Files(tmp_path), seed=1).pipeline
    assert x(pipe, np.ones((1, 4))) == [[1.0] * 4]
    with pytest.raises(DataError):
        x(pipe, rows)
