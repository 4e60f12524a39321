"""The series source and what is wrong with a series: gaps, times, values, and fields that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.data.timeline import timeline
from bpcli.errors import DataError
from tests.data.helpers import only
from tests.data.windows import read, source, table, x_of, y_of

# --- gaps and times -------------------------------------------------------------------------------------


def test_a_gap_is_refused_with_its_lines(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column 'y' is missing in lines 5 and 7") as caught:
        read(tmp_path, table(1, 2, 3, "?", 5, "?", 7))
    assert only(caught.value).line == 5
    assert "gaps:" in (only(caught.value).hint or "")


def test_a_missing_step_is_refused_with_its_line(tmp_path: Path) -> None:
    text = "t,y\n1,1\n2,2\n3,3\n5,5\n6,6\n8,8\n"
    with pytest.raises(DataError, match=r"1 step is missing after line 4 \(and in 1 other place\)") as caught:
        read(tmp_path, text, time="t")
    assert only(caught.value).line == 5


def test_interpolated_values_are_seen_but_never_predicted(tmp_path: Path) -> None:
    text = "t,y\n1,1\n2,2\n3,3\n5,9\n6,6\n7,7\n8,8\n9,9\n"
    found = read(tmp_path, text, time="t", gaps="interpolate", inputs=2)
    assert x_of(found)[..., 0].tolist() == [[1, 2], [6, 9], [9, 6], [6, 7], [7, 8]]
    assert y_of(found)[:, 0].tolist() == [3, 6, 7, 8, 9]
    # [2, 3] would predict the filled step; [3, 6] ends in it and knows, by the line, that 9 comes next


def test_held_values_may_end_a_window(tmp_path: Path) -> None:
    text = "t,y\n1,1\n2,2\n3,3\n5,9\n6,6\n7,7\n"
    found = read(tmp_path, text, time="t", gaps="hold", inputs=2)
    assert x_of(found)[..., 0].tolist() == [[1, 2], [3, 3], [3, 9], [9, 6]]
    assert y_of(found)[:, 0].tolist() == [3, 9, 6, 7]


def test_no_window_reaches_over_a_split(tmp_path: Path) -> None:
    found = read(tmp_path, table(1, 2, 3, 4, "?", 6, 7, 8, 9), gaps="split", inputs=2)
    assert x_of(found)[..., 0].tolist() == [[1, 2], [2, 3], [6, 7], [7, 8]]
    assert y_of(found)[:, 0].tolist() == [3, 4, 8, 9]
    assert found.rows.tolist() == [3, 4, 8, 9]
    with pytest.raises(DataError, match=r"a gap is in every window of 3 steps and a horizon of 2"):
        read(tmp_path, table(1, 2, 3, 4, "?", 6, 7, 8, 9), gaps="split", horizon=2)
    with pytest.raises(DataError, match=r"a gap in the last 3 steps, which end in line 8, .* predicted"):
        read(tmp_path, table(1, 2, 3, 4, 5, "?", 7), gaps="split", wants_target=False)


def test_a_slip_in_a_time_is_no_gap_to_fill(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="7,995 steps are missing after line 5"):
        read(tmp_path, "t,y\n1,1\n2,2\n3,3\n4,4\n8000,5\n", time="t", gaps="hold")


def months(*cells: str) -> str:
    return "t,y\n" + "".join(f"{cell},{i}\n" for i, cell in enumerate(cells))


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        (months("2020-01", "2020-03", "2020-02"), "2020-02 comes after 2020-03 in line 3, but is earlier", 4),
        (months("2020-01", "2020-01", "2020-02"), "the time 2020-01 is the same as in line 2", 3),
        (months("2020-01", "May", "2020-02"), "the time 'May' .* neither a number nor an ISO date", 3),
        (months("2020-01", "", "2020-02"), "the time 't' is missing", 3),
        (months("1", "2", "3.5", "4", "5"), "the time 3.5 is no whole number of steps after 1", 4),
        (months("2020-01-01T00:00", "2020-01-02T00:00Z"), "differ in having a time zone", 3),
    ],
)
def test_times_that_are_none(tmp_path: Path, text: str, message: str, line: int) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, text, time="t", inputs=1)
    assert only(caught.value).line == line


@pytest.mark.parametrize(
    ("cells", "after"),
    [
        (["1949-11", "1949-12"], ["1950-01", "1950-02"]),
        (["2020-01-31", "2020-02-29"], ["2020-03-31", "2020-04-30"]),
        (["2023-12-15", "2024-01-15"], ["2024-02-15", "2024-03-15"]),
        (["2023-12-30", "2023-12-31"], ["2024-01-01", "2024-01-02"]),
        (["19580329", "19580405"], ["19580412", "19580419"]),
        (["2014-07-01 23:00:00", "2014-07-01 23:30:00"], ["2014-07-02 00:00:00", "2014-07-02 00:30:00"]),
        (["2014-07-01T23:00", "2014-07-01T23:30"], ["2014-07-02T00:00", "2014-07-02T00:30"]),
        (["1700", "1701"], ["1702", "1703"]),
        (["0.1", "0.2"], ["0.3", "0.4"]),
        (["2020-01-01", "2021-01-01"], ["2022-01-01", "2023-01-01"]),
    ],
)
def test_times_go_on_as_the_file_writes_them(cells: list[str], after: list[str]) -> None:
    time, places = timeline(cells, np.arange(2, 4), "t", "s.csv")
    assert places.tolist() == [0, 1]
    assert [time.label(0), time.label(1)] == cells
    assert [time.label(2), time.label(3)] == after


# --- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fields", "message"),
    [
        (table(1, 2, 3), {}, "the series has 3 steps; a window of 3 and a horizon of 1 needs 4"),
        (table(1, 2, 3, 4, 5), {"horizon": 3}, "a window of 3 and a horizon of 3 needs 6"),
        (
            table(1, 2, 3, 4, 5), {"relative": "season", "season": 2},
            "a window of 3 after 2 steps for the differences and a horizon of 1 needs 6",
        ),
        (table(1, 2, "x", 4, 5, 6), {}, "column 'y' holds 'x' instead of a number in line 4"),
        (table(1, 2, 0, 4, 5, 6), {"transform": "log"}, "log needs values above 0, and 'y' is 0 in line 4"),
        (table(1, -1, 0, 4, 5, 6), {"transform": "log1p"}, "log1p needs values above -1, .* line 3"),
        (table(1, -0.5, 0, 4, 5), {"transform": "sqrt"}, "sqrt needs values at least 0, .* line 3"),
        (table(1, 2, 3, 4), {"target": "z"}, r"there is no column 'z' \(target\)"),
        (table(1, 2, 3, 4), {"columns": ["z"]}, r"there is no column 'z' \(columns\)"),
        (table("?", "?", "?", "?"), {"gaps": "hold"}, "the target y is missing in every row"),
    ],
)  # fmt: skip
def test_what_cannot_be_cut(tmp_path: Path, text: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"target": []},
        {"inputs": 0},
        {"horizon": 0},
        {"columns": ["y"]},
        {"time": "y"},
        {"known": ["k"], "horizon": 4},
        {"interval": 1.0},
        {"gaps": "guess"},
    ],
)
def test_fields_that_do_not_fit(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        source(**fields)
