"""The series source: windows by hand, and nothing of the future in them."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.data.prepare import prepare
from bpcli.data.records import Records, Target
from bpcli.data.series import with_scale
from bpcli.data.splits.chronological import Chronological
from bpcli.errors import DataError
from bpcli.files import Files
from bpcli.spec.experiment import DataSection
from tests.data.helpers import only
from tests.data.windows import read, table, windows_of, x_of, y_of

WAYS = list(product(("none", "log", "log1p", "sqrt"), ("none", "last", "season")))


# --- windows by hand ----------------------------------------------------------------------------------


def test_windows_targets_lines_and_spans(tmp_path: Path) -> None:
    found = read(tmp_path, table(*range(10, 18)), horizon=2)
    assert x_of(found)[..., 0].tolist() == [[10, 11, 12], [11, 12, 13], [12, 13, 14], [13, 14, 15]]
    assert [column.name for column in found.targets] == ["y+1", "y+2"]
    assert y_of(found).tolist() == [[13, 14], [14, 15], [15, 16], [16, 17]]
    assert found.spans is not None
    assert found.spans.tolist() == [[3, 4], [4, 5], [5, 6], [6, 7]]
    assert found.rows.tolist() == [4, 5, 6, 7]  # the line of the last step seen
    assert found.ordered
    assert len(found.digest) == 64


def test_stride_moves_the_origins(tmp_path: Path) -> None:
    found = read(tmp_path, table(*range(10, 19)), stride=2)
    assert y_of(found)[:, 0].tolist() == [13, 15, 17]


def test_without_a_target_the_last_window_ends_with_the_series(tmp_path: Path) -> None:
    found = read(tmp_path, table(*range(10, 18)), stride=2, horizon=4, wants_target=False)
    assert x_of(found)[:, -1, 0].tolist() == [12, 14, 16, 17]
    assert found.targets == []


def test_several_targets_past_columns_and_known_ones(tmp_path: Path) -> None:
    text = "k,y,z,p\n" + "".join(f"{100 + i},{i},{10 + i},{50 + i}\n" for i in range(7))
    found = read(tmp_path, text, target=["y", "z"], columns=["p"], known=["k"], horizon=2)
    assert [column.name for column in found.targets] == ["y+1", "z+1", "y+2", "z+2"]
    assert y_of(found)[0].tolist() == [3, 13, 4, 14]
    # y, z, p, k as of each step, and k as of two steps later
    assert x_of(found)[0].tolist() == [
        [0, 10, 50, 100, 102], [1, 11, 51, 101, 103], [2, 12, 52, 102, 104],
    ]  # fmt: skip


def test_the_rows_of_known_columns_alone_are_the_future(tmp_path: Path) -> None:
    text = "k,y\n" + "".join(f"{100 + i},{i}\n" for i in range(6)) + "106,\n107,\n108,?\n"
    fields: dict[str, Any] = {"known": ["k"], "horizon": 2}
    assert y_of(read(tmp_path, text, **fields))[-1].tolist() == [4, 5]
    last = x_of(read(tmp_path, text, wants_target=False, **fields))[-1]
    assert last.tolist() == [[3, 103, 105], [4, 104, 106], [5, 105, 107]]
    with pytest.raises(DataError, match=r"are there for 1 of the 2 steps after .* line 7") as caught:
        read(tmp_path, text.replace("107,\n108,?\n", ""), wants_target=False, **fields)
    assert "left empty" in (only(caught.value).hint or "")


def test_relative_and_transform_by_hand(tmp_path: Path) -> None:
    values = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
    found = read(tmp_path, table(*values), transform="log", relative="last", horizon=2)
    two = np.log(2)
    assert x_of(found)[..., 0] == pytest.approx(np.tile([-2 * two, -two, 0], (3, 1)))
    assert y_of(found) == pytest.approx(np.tile([two, 2 * two], (3, 1)))
    seasonal = read(tmp_path, table(*values), relative="season", season=2)
    assert x_of(seasonal)[..., 0].tolist() == [[3, 6, 12], [6, 12, 24]]
    assert y_of(seasonal).tolist() == [[24], [48]]


@pytest.mark.parametrize(("transform", "relative"), WAYS)
def test_what_the_net_is_given_can_be_undone(tmp_path: Path, transform: str, relative: str) -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(0.1, 50, size=(40, 2))
    text = "y,z\n" + "".join(f"{a!r},{b!r}\n" for a, b in values.tolist())
    found = read(
        tmp_path, text, target=["y", "z"], horizon=5, season=4, transform=transform, relative=relative
    )
    assert found.spans is not None
    truth = values[found.spans[:, :1] + np.arange(5)].reshape(len(found), -1)
    windows = windows_of(found)
    assert windows.to_units(y_of(found)) == pytest.approx(truth, rel=1e-12)
    assert windows.to_net(truth) == pytest.approx(y_of(found), rel=1e-12, abs=1e-12)
    rows = np.array([7, 2, 2])
    few = windows.take(rows).only(["z+3", "y+1"])
    picked = y_of(found)[rows][:, [5, 0]]
    assert few.to_units(picked) == pytest.approx(truth[rows][:, [5, 0]], rel=1e-12)


def test_the_naive_forecast_by_hand(tmp_path: Path) -> None:
    found = read(tmp_path, table(*range(1, 13)), season=4, horizon=6, inputs=2)
    assert windows_of(found).naive().tolist()[-1] == [3, 4, 5, 6, 3, 4]  # from the origin 6: 3 4 5 6 again
    assert windows_of(found).naive().tolist()[0] == [2, 2, 1, 2, 2, 2]  # no whole season yet: the last value


def test_the_scale_of_mase_is_of_the_training_part_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=60)
    found = read(tmp_path, table(*values.tolist()), season=7, horizon=3)
    train = found.take(Chronological.model_validate({}).parts(found, 0).train)
    assert train.spans is not None
    end = int(train.spans.max()) + 1
    by_hand = np.mean([abs(values[i] - values[i - 7]) for i in range(7, end)])
    target = with_scale(Target("values", ("y+2", "y+1")), train)
    assert target.scale == pytest.approx((by_hand, by_hand), rel=1e-12)
    assert end < 60


# --- nothing of the future ------------------------------------------------------------------------------


@pytest.mark.parametrize("gaps", ["refuse", "interpolate", "hold", "split"])
@pytest.mark.parametrize("relative", ["none", "last", "season"])
def test_no_window_knows_a_later_step(tmp_path: Path, gaps: str, relative: str) -> None:
    rng = np.random.default_rng(2)
    values = [repr(v) for v in rng.uniform(1, 9, size=40).tolist()]
    if gaps != "refuse":
        values[9] = values[10] = values[25] = ""
    fields: dict[str, Any] = {
        "gaps": gaps, "relative": relative, "season": 4, "horizon": 3, "transform": "log", "time": "t",
    }  # fmt: skip

    def made(cells: list[str]) -> Records:
        lines = [f"{i},{cell}\n" for i, cell in enumerate(cells)]
        return read(tmp_path, "t,y\n" + "".join(lines), wants_target=False, **fields)

    found = made(values)
    assert found.spans is not None
    for row in range(0, len(found), 3):
        first = int(found.spans[row, 0])
        later = [cell if i < first else str(1000 + i) for i, cell in enumerate(values)]
        again = made(later)
        assert again.spans is not None
        (there,) = np.flatnonzero(again.spans[:, 0] == first)
        assert x_of(again)[there].tolist() == x_of(found)[row].tolist()
        one, two = (windows_of(found).take([row]), windows_of(again).take([there]))
        assert two.naive().tolist() == one.naive().tolist()
        assert two.to_units(np.zeros((1, 3))).tolist() == one.to_units(np.zeros((1, 3))).tolist()


def section(**fields: Any) -> DataSection:
    return DataSection.model_validate(
        {
            "source": {
                "type": "series", "path": "s.csv", "target": "y", "inputs": 4, "horizon": 3, "season": 5,
                "transform": "log", "relative": "last", **fields,
            },
            "preprocess": ["standardize"],
            "target_transform": "standardize",
        }
    )  # fmt: skip


def test_parts_follow_each_other_and_share_no_predicted_step(tmp_path: Path) -> None:
    found = read(tmp_path, table(*range(1, 101)), horizon=4)
    assert found.spans is not None
    train, val, test = (found.spans[rows] for rows in Chronological.model_validate({}).parts(found, 0))
    assert train[:, 1].max() < val[:, 0].min()
    assert val[:, 1].max() < test[:, 0].min()
    assert min(len(train), len(val), len(test)) > 0


def test_what_is_learnt_is_learnt_from_the_past(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    values = rng.uniform(1, 9, size=80)
    (tmp_path / "s.csv").write_text(table(*values.tolist()))
    before = prepare(section(), files=Files(tmp_path), seed=0)
    assert before.train.windows is not None
    end = int(before.train.windows.spans.max()) + 1
    values[end:] *= 1000
    (tmp_path / "s.csv").write_text(table(*values.tolist()))
    after = prepare(section(), files=Files(tmp_path), seed=0)
    assert after.pipeline.to_json() == before.pipeline.to_json()
    assert np.array_equal(after.train.x, before.train.x)
    assert after.target.scale == before.target.scale


def test_a_random_split_of_windows_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(table(*range(1, 81)))
    own = section().model_copy(update={"split": None})
    assert not any("lie before" in note for note in prepare(own, files=Files(tmp_path), seed=0).notes)
    mixed = DataSection.model_validate({**own.model_dump(), "split": "random"})
    notes = [note for note in prepare(mixed, files=Files(tmp_path), seed=0).notes if "lie before" in note]
    assert len(notes) == 2
    assert "chronological" in notes[0]


def test_a_series_of_few_whole_numbers_is_values_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(table(*([1, 2, 3, 4] * 20)))
    own = section(horizon=1)
    assert prepare(own, files=Files(tmp_path), seed=0).target.kind == "values"
    odd = DataSection.model_validate(
        {**own.model_dump(), "task": "classification", "preprocess": [], "target_transform": None}
    )
    with pytest.raises(DataError):
        prepare(odd, files=Files(tmp_path), seed=0)
