"""The target: what it is read as, its labels, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from bpcli.data.records import Column, Records, Target
from bpcli.data.target import encode, fit_target, target_kind
from bpcli.errors import DataError
from tests.data.helpers import number, only, records, text

NAN = float("nan")


def rows(*targets: Column) -> Records:
    return records([number("x", *range(len(targets[0].values)))], targets)


def fitted(data: Records, task: str = "auto", loss: tuple[str, ...] | None = None) -> Target:
    return fit_target(data, task, loss)


@pytest.mark.parametrize(
    ("columns", "task", "loss", "kind"),
    [
        ([text("y", "a", "b")], "auto", None, "classes"),
        ([number("y", 0, 1, 2, 2)], "auto", None, "classes"),
        ([number("y", *range(20))], "auto", None, "classes"),
        ([number("y", *range(21))], "auto", None, "values"),
        ([number("y", 0, 1, 2.5)], "auto", None, "values"),
        ([number("y", 0, 1, 2.5)], "classification", None, "classes"),
        ([number("y", 0, 1, 2)], "regression", None, "values"),
        ([number("p", 0, 1), number("q", 1, 1)], "auto", None, "binary_columns"),
        ([number("p", 0, 1), number("q", 1, 2)], "auto", None, "values"),
        ([number("p", 0, 1), number("q", 1, 1)], "regression", None, "values"),
        ([number("p", 0, 1), number("q", 1, 1)], "auto", ("values",), "values"),
        ([number("y", 0, 1, 2)], "auto", ("values",), "values"),
        ([number("y", 0, 1, 2)], "auto", ("values", "classes"), "values"),
        ([number("y", 0, 1, 2)], "classification", ("values", "classes"), "classes"),
        ([number("y", 0, 1, 2)], "auto", ("classes", "values"), "classes"),
        ([number("y", *range(21), *range(21))], "auto", ("classes",), "classes"),
        ([number("y", 0, 1)], "auto", ("binary_columns",), "binary_columns"),
        ([number("y", 0, 1)], "auto", ("classes", "binary_columns"), "classes"),
    ],
)
def test_what_it_is_read_as(
    columns: list[Column], task: str, loss: tuple[str, ...] | None, kind: str
) -> None:
    found, why = target_kind(rows(*columns), task, loss)
    assert found == kind
    assert why


@pytest.mark.parametrize(
    ("columns", "task", "loss", "message"),
    [
        ([text("y", "a", "b")], "regression", None, "'y' is text"),
        ([text("y", "1", "2", "x")], "regression", None, "text such as 'x' in line 4"),
        ([text("y", "a", "b")], "auto", ("values",), "takes values, but target 'y' is text"),
        ([number("y", 0, 1)], "regression", ("classes",), "task is regression"),
        ([number("y", 0, 1)], "classification", ("values",), "task is classification"),
        ([number("y", 0.5, 1)], "auto", ("classes",), r"fractional values \(0\.5 in line 2\)"),
        ([number("y", *range(60))], "auto", ("classes",), "60 distinct values in 60 rows"),
        ([number("p", 0, 1), number("q", 1, 1)], "auto", ("classes",), "2 target columns"),
        ([number("p", 0, 1), number("q", 1, 3)], "classification", None, "'q' holds 3 in line 3, not 0 or 1"),
        ([number("y", 2.0**53, 1)], "auto", ("classes",), "too large"),
        ([text("y", *(f"id{i}" for i in range(50)))], "auto", None, "50 distinct values in 50 rows"),
        ([text("y", *map(str, range(50)), "n/a")], "auto", None, "text such as 'n/a' in line 52"),
        ([number("y", 0, NAN, NAN)], "auto", None, "missing in lines 3 and 4"),
        ([text("y", "a", None)], "auto", None, "missing in line 3"),
    ],
)
def test_contradictions(columns: list[Column], task: str, loss: tuple[str, ...] | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        target_kind(rows(*columns), task, loss)


def test_no_target() -> None:
    with pytest.raises(DataError, match="no target is named"):
        target_kind(records([number("x", 1)]), "auto", None)


def test_labels_are_sorted_and_shown_as_written() -> None:
    target = fitted(rows(number("y", 10, 9, 9, -1, -0.0)))
    assert (target.labels, target.counts, target.rows) == (("-1", "0", "9", "10"), (1, 1, 2, 1), 5)
    assert fitted(rows(number("y", 2.5, 3, 3)), "classification").labels == ("2.5", "3")
    target = fitted(rows(text("y", "dog", "10", "9", "Cat")))
    assert target.labels == ("10", "9", "Cat", "dog")
    assert target.width == 4


def test_encoding_classes() -> None:
    data = rows(text("y", "b", "a", "c"))
    target = fitted(data)
    y = encode(target, data)
    assert y.dtype == np.int64
    assert y.tolist() == [1, 0, 2]
    # The same labels as numbers, and under another name (an array has whatever name it has).
    target = fitted(rows(text("y", "1", "2", "x")))
    assert encode(target, rows(number("other", 2, 1))).tolist() == [1, 0]


def test_values_and_binary_columns() -> None:
    data = rows(number("p", 0, 1, 1), number("q", 1, 1, 1))
    target = fitted(data)
    assert (target.kind, target.counts, target.mean) == ("binary_columns", (2, 3), (2 / 3, 1.0))
    assert encode(target, data).tolist() == [[0.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    assert encode(target, rows(number("q", 0), number("p", 1))).tolist() == [[1.0, 0.0]]  # by name
    with pytest.raises(DataError, match="the test part: target 'p' holds 3 in line 2"):
        encode(target, rows(number("p", 3), number("q", 1)), "the test part")
    target = fitted(rows(number("y", 1.5, 2.5)))
    assert (target.kind, target.mean, target.width) == ("values", (2.0,), 1)


def test_a_label_that_training_does_not_have_is_named_with_its_rows() -> None:
    target = fitted(rows(text("y", "a", "b")))
    strange = rows(text("y", "a", "c", "b", "c", *["d"] * 12))
    with pytest.raises(DataError) as caught:
        encode(target, strange, "the test part")
    problem = only(caught.value)
    assert "the test part" in problem.message
    assert "'c' (lines 3 and 5)" in problem.message
    assert "'d' (lines 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 and 2 more)" in problem.message
    assert problem.line == 3


def test_refusals_when_encoding() -> None:
    target = fitted(rows(number("y", 1.5, 2.5)))
    with pytest.raises(DataError, match="holds text, not numbers"):
        encode(target, rows(text("y", "a")))
    with pytest.raises(DataError, match="2 target columns; the model was trained on 1"):
        encode(target, rows(number("p", 1), number("q", 1)))
    with pytest.raises(DataError, match="missing in line 2"):
        encode(target, rows(number("y", NAN)))


def test_one_class_only() -> None:
    for column in (text("y", "a", "a"), number("y", 3, 3)):
        with pytest.raises(DataError, match=r"only one class of 'y': '[a3]'"):
            fitted(rows(column))


def test_values_too_large_to_average() -> None:
    with pytest.raises(DataError, match="too large"):
        fitted(rows(number("y", 1.7e308, 1.7e308, 0.5)))


def test_one_huge_label_costs_its_own_size_only() -> None:
    labels = ["x" * 100_000, *["a", "b"] * 5000]
    target = fitted(rows(text("y", *labels)))
    assert target.counts == (5000, 5000, 1)
