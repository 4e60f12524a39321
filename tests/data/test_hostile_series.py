"""What a series can be in the worst case, through the commands: a right answer, or a clear refusal.

Shorter than its window, with a gap or an unsorted column of times, and with a horizon past the end.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.data.hostile import NET, measured, predicted, refused, trained, write

DAYS = [(date(2020, 1, 1) + timedelta(i)).isoformat() for i in range(90)]
VALUES = [f"{10 + 5 * math.sin(i / 3):.3f}" for i in range(80)] + [""] * 10


def forecast(**source: Any) -> dict[str, Any]:
    fields = {"type": "series", "path": "d.csv", "target": ["x"], "time": "day", "inputs": 12, "horizon": 3}
    return {
        "data": {"source": fields | source, "preprocess": ["standardize"], "batch_size": 16},
        "model": {**NET, "layers": [{"type": "gru", "units": 4}]},
    }


def days(*rows: tuple[str, str], known: bool = False) -> str:
    head = "day,x,p\n" if known else "day,x\n"
    return head + "".join(f"{day},{value}{',1' if known else ''}\n" for day, value in rows)


SERIES = list(zip(DAYS, VALUES, strict=True))[:80]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def teller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory, forecast(), d_csv=days(*SERIES))


@pytest.fixture(scope="module")
def knower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = forecast(known=["p"])
    return trained(tmp_path_factory, tree, d_csv=days(*SERIES, known=True))


UNSORTED = [*SERIES[:50], SERIES[60], *SERIES[50:60], *SERIES[61:]]
WRONG = {
    "short": (SERIES[:5], "the series has 5 steps; a window of 12"),
    "header": ([], "the file has a header but no rows"),
    "gap": ([*SERIES[:50], *SERIES[51:]], "d.csv:52: 1 step is missing after line 51"),
    "cell": ([*SERIES[:50], (DAYS[50], ""), *SERIES[51:]], "d.csv:52: column 'x' is missing in line 52"),
    "end": ([*SERIES[:-1], (DAYS[79], "")], "d.csv:81: column 'x' is missing in line 81"),
    "unsorted": (UNSORTED, "d.csv:53: the time 2020-02-20 comes after 2020-03-01 in line 52, but is earlier"),
    "backwards": (SERIES[::-1], "sort the rows by 'day'"),
    "twice": ([*SERIES[:50], *SERIES[49:]], "d.csv:52: the time 2020-02-19 is the same as in line 51"),
    "date": ([*SERIES[:50], ("2020-02-31", "1"), *SERIES[51:]], "'2020-02-31' in column 'day' is neither"),
    "no time": ([*SERIES[:50], ("", "1"), *SERIES[51:]], "d.csv:52: the time 'day' is missing"),
    "text": ([*SERIES[:50], (DAYS[50], "abc"), *SERIES[51:]], "column 'x' holds 'abc' instead of a number"),
    "large": ([*SERIES[:50], (DAYS[50], "1e400"), *SERIES[51:]], "too large for a float64"),
}


@pytest.mark.parametrize("command", ["train", "data show", "evaluate", "predict"])
@pytest.mark.parametrize("case", WRONG)
def test_a_series_that_is_none(
    teller: Path, here: Path, capsys: pytest.CaptureFixture[str], case: str, command: str
) -> None:
    rows, said = WRONG[case]
    write(here, forecast(), d_csv=days(*rows))
    use = command in ("evaluate", "predict")
    assert said in refused(capsys, *command.split(), *([teller, "--data", "d.csv"] if use else ["h.yaml"]))


def test_a_series_as_long_as_its_window(teller: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It can be continued, and there is nothing to compare with; with a horizon more, there is one window."""
    for count, comparable in ((12, False), (14, False), (15, True)):
        (here / "d.csv").write_text(days(*SERIES[:count]))
        told = predicted(capsys, teller, "d.csv")
        assert [row["time"] for row in told] == DAYS[count : count + 3]
        if comparable:
            assert math.isfinite(measured(capsys, teller, "d.csv")["loss"])
        else:
            needs = f"has {count} steps; a window of 12 and a horizon of 3 needs 15"
            assert needs in refused(capsys, "evaluate", teller, "--data", "d.csv")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("data.source.horizon=1000", "a window of 12 and a horizon of 1000 needs 1012"),
        ("data.source.inputs=1000", "a window of 1000 and a horizon of 3 needs 1003"),
        ("data.source.inputs=77", "the training part has no rows"),
        ("data.source.horizon=0", "expected a positive whole number, got 0"),
        ("data.source.time=hour", "there is no column 'hour' (time)"),
        ("data.teacher_forcing=true", "teacher_forcing is for a target that is a sequence of symbols"),
        ("data.split={type: stratified}", "a stratified split needs classes"),
    ],
)
def test_windows_that_the_series_does_not_have(
    here: Path, capsys: pytest.CaptureFixture[str], change: str, said: str
) -> None:
    write(here, forecast(), d_csv=days(*SERIES))
    assert said in refused(capsys, "train", "h.yaml", change)


def test_what_is_known_ahead_must_reach_over_the_horizon(
    knower: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    future = list(zip(DAYS[80:], [""] * 10, strict=True))
    for ahead, there in ((0, 0), (1, 1), (2, 2)):
        (here / "d.csv").write_text(days(*SERIES, *future[:ahead], known=True))
        said = refused(capsys, "predict", knower, "--data", "d.csv")
        assert f"known ahead are there for {there} of the 3 steps" in said
    (here / "d.csv").write_text(days(*SERIES, *future[:3], known=True))
    told = predicted(capsys, knower, "d.csv")
    assert [row["time"] for row in told] == DAYS[80:83]
    (here / "d.csv").write_text(days(*SERIES, *future, known=True))
    assert predicted(capsys, knower, "d.csv") == told  # more of the future changes nothing
