"""A saved run predicts and evaluates: files, mappings, arrays; in the target's own words and units."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.errors import BpcliError, CheckpointError, DataError, UsageError
from bpcli.train.saved import Saved
from tests.train import helpers as h

FEATURES = ("a", "b", "c", "d", "e")


@pytest.fixture
def run(tmp_path: Path) -> Saved:
    return Saved.open(h.train(tmp_path, h.config(train__epochs=4)).run)


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open() as opened:
        return list(csv.DictReader(opened))


def numbers(predicted: list[h.Tree]) -> Any:
    return np.array([list(row["probabilities"].values()) for row in predicted])


def write(file: Path, columns: list[str], rows: list[dict[str, Any]]) -> Path:
    file.write_text(
        "\n".join([",".join(columns), *(",".join(str(row[c]) for c in columns) for row in rows)]) + "\n"
    )
    return file


def test_a_file_mappings_and_an_array_give_the_same_numbers(tmp_path: Path, run: Saved) -> None:
    rows = rows_of(tmp_path / "data.csv")
    from_file = list(run.predict(tmp_path / "data.csv"))
    mappings = [{name: float(row[name]) for name in FEATURES} for row in rows]
    from_mappings = list(run.predict(mappings))
    array = np.array([[row[name] for name in FEATURES] for row in mappings])
    from_array = list(run.predict(array))
    assert len(from_file) == 80
    assert np.array_equal(numbers(from_file), numbers(from_mappings))
    assert np.array_equal(numbers(from_file), numbers(from_array))
    assert [row["prediction"] for row in from_file] == [row["prediction"] for row in from_array]
    assert [row["row"] for row in from_file] == list(range(2, 82))  # lines of the file
    assert [row["row"] for row in from_array] == list(range(80))
    assert set(from_file[0]["probabilities"]) == {"u", "v", "w"}


def test_columns_may_stand_in_another_order_and_the_target_may_be_absent(tmp_path: Path, run: Saved) -> None:
    rows = rows_of(tmp_path / "data.csv")
    expected = numbers(list(run.predict(tmp_path / "data.csv")))
    swapped = write(tmp_path / "swapped.csv", ["e", "y", "c", "a", "d", "b"], rows)
    without = write(tmp_path / "without.csv", ["b", "a", "c", "e", "d"], rows)
    more = write(tmp_path / "more.csv", ["id", *FEATURES], [row | {"id": i} for i, row in enumerate(rows)])
    for file in (swapped, without, more):
        assert np.array_equal(numbers(list(run.predict(file))), expected), file.name


def test_one_row_at_a_time_gives_the_same_within_rounding(tmp_path: Path, run: Saved) -> None:
    rows = [{name: float(row[name]) for name in FEATURES} for row in rows_of(tmp_path / "data.csv")]
    alone = np.concatenate([numbers(list(run.predict([row]))) for row in rows[:10]])
    assert np.allclose(alone, numbers(list(run.predict(rows[:10]))), rtol=0, atol=1e-6)


@pytest.mark.parametrize("rows", [0, 1, 511, 512, 513, 1500])
def test_any_number_of_rows(run: Saved, rows: int) -> None:
    x = np.random.default_rng(0).normal(size=(rows, 5))
    predicted = list(run.predict(x))
    assert len(predicted) == rows
    if rows > 512:
        again = list(run.predict(x[:512]))
        assert numbers(again).tolist() == numbers(predicted[:512]).tolist()


def test_rows_that_do_not_fit_are_refused(tmp_path: Path, run: Saved) -> None:
    with pytest.raises(DataError, match="row 1 has no 'c'"):
        list(run.predict([dict.fromkeys(FEATURES, 1.0), {"a": 1.0, "b": 1.0, "d": 1.0, "e": 1.0}]))
    with pytest.raises(DataError, match=r"needs \(n, 5\)"):
        list(run.predict(np.zeros((3, 4))))
    with pytest.raises(DataError, match=r"no data file .*nowhere"):
        list(run.predict(tmp_path / "nowhere.csv"))
    lacking = write(tmp_path / "lacking.csv", ["a", "b"], rows_of(tmp_path / "data.csv"))
    with pytest.raises(DataError) as caught:
        list(run.predict(lacking))
    assert "'c'" in str(caught.value) or "c" in str(caught.value).split()


def test_the_test_part_gives_what_training_reported(tmp_path: Path) -> None:
    outcome = h.train(tmp_path, h.config(train__epochs=6, metrics=["accuracy", "f1_macro"]))
    saved = Saved.open(outcome.run)
    for part in ("val", "test"):
        found = saved.evaluate(part)
        assert found["metrics"] == outcome.metrics[part]
        assert found["baseline"] == outcome.baseline[part]
        assert (found["split"], found["checkpoint"]) == (part, "best")


def test_last_and_best_are_different_nets(tmp_path: Path) -> None:
    run = h.train(tmp_path, h.config(seed=4, train__epochs=12, optimizer__lr=0.1)).run
    best, last = Saved.open(run), Saved.open(run, checkpoint="last")
    assert best.evaluate("val")["metrics"]["loss"] < last.evaluate("val")["metrics"]["loss"]
    lines = h.metrics_of(run)
    assert last.evaluate("val")["metrics"] == lines[-1]["val"]
    with pytest.raises(UsageError, match="choose best or last"):
        Saved.open(run, checkpoint="prev")


def test_a_file_is_evaluated_whole(tmp_path: Path, run: Saved) -> None:
    file = tmp_path / "data.csv"
    found = run.evaluate(data=file)
    predicted = [row["prediction"] for row in run.predict(file)]
    actual = [row["y"] for row in rows_of(file)]
    right = sum(one == other for one, other in zip(predicted, actual, strict=True))
    assert found["rows"] == 80
    assert found["metrics"]["accuracy"] == right / 80
    without = write(tmp_path / "without.csv", list(FEATURES), rows_of(file))
    with pytest.raises(BpcliError, match=r"target|'y'"):
        run.evaluate(data=without)
    with pytest.raises(UsageError, match="choose train, val or test"):
        run.evaluate("tets")


def test_a_label_never_seen_in_training_is_named_with_its_row(tmp_path: Path, run: Saved) -> None:
    rows = rows_of(tmp_path / "data.csv")
    rows[3]["y"] = "zebra"
    file = write(tmp_path / "strange.csv", [*FEATURES, "y"], rows)
    with pytest.raises(DataError, match="zebra") as caught:
        run.evaluate(data=file)
    assert "5" in str(caught.value)  # its line


def test_changed_data_cannot_be_split_again(tmp_path: Path, run: Saved) -> None:
    file = tmp_path / "data.csv"
    file.write_text(file.read_text() + "1,2,3,4,5,u\n")
    with pytest.raises(DataError, match="not what this run was trained on"):
        run.evaluate("test")


def test_predicting_needs_no_training_data(tmp_path: Path, run: Saved) -> None:
    expected = numbers(list(run.predict(np.ones((2, 5)))))
    (tmp_path / "data.csv").unlink()
    (tmp_path / "config.yaml").unlink()
    assert np.array_equal(numbers(list(Saved.open(run.path).predict(np.ones((2, 5))))), expected)


def test_preprocessing_that_was_changed_is_refused(run: Saved) -> None:
    file = run.path / "pipeline.json"
    file.write_text(file.read_text().replace("standardize", "standardize ").replace('"u"', '"U"'))
    with pytest.raises(CheckpointError, match="other data or preprocessing"):
        Saved.open(run.path)


# --- the baseline, by hand -----------------------------------------------------------------------------


def test_the_baseline_of_classes_is_the_majority_and_the_entropy_of_the_training_part(tmp_path: Path) -> None:
    outcome = h.train(tmp_path, h.config())
    data = h.trainer(tmp_path, h.config()).data
    assert data.test is not None
    assert data.test.y is not None
    shares = np.array(data.target.counts) / sum(data.target.counts)
    assert outcome.baseline["test"]["accuracy"] == np.mean(data.test.y == shares.argmax())
    expected = -np.log(shares)[data.test.y].mean()
    assert outcome.baseline["test"]["loss"] == pytest.approx(expected, rel=1e-6)


def test_regression_is_told_in_the_units_of_the_target(tmp_path: Path) -> None:
    h.write_data(tmp_path, target="values")
    tree = h.config(
        loss="mse", metrics=["rmse", "r2", "mae"], data__target_transform="standardize",
        train__epochs=150, optimizer__lr=0.02,
    )  # fmt: skip
    outcome = h.train(tmp_path, tree)
    saved = Saved.open(outcome.run)
    rows = rows_of(tmp_path / "data.csv")
    actual = np.array([float(row["y"]) for row in rows])
    predicted = np.array([row["prediction"] for row in saved.predict(tmp_path / "data.csv")])
    assert abs(predicted.mean() - actual.mean()) < 0.1 * actual.std() < abs(actual.mean())
    found = saved.evaluate(data=tmp_path / "data.csv")["metrics"]
    off = predicted - actual
    assert found["rmse"] == pytest.approx(np.sqrt((off**2).mean()), rel=1e-6)
    assert found["mae"] == pytest.approx(np.abs(off).mean(), rel=1e-6)
    assert found["r2"] == pytest.approx(1 - (off**2).sum() / ((actual - actual.mean()) ** 2).sum(), rel=1e-6)
    assert found["r2"] > 0.5
    assert (
        next(saved.predict(rows[:1] and [{k: float(v) for k, v in rows[0].items()}]))["probabilities"] is None
    )


def test_the_baseline_of_values_is_the_training_mean(tmp_path: Path) -> None:
    h.write_data(tmp_path, target="values")
    tree = h.config(loss="mse", metrics=["rmse", "r2"], data__target_transform="standardize")
    outcome = h.train(tmp_path, tree)
    data = h.trainer(tmp_path, tree).data
    actual = {int(line): float(row["y"]) for line, row in enumerate(rows_of(tmp_path / "data.csv"), 2)}
    mean = np.mean([actual[line] for line in data.train.rows.tolist()])
    assert data.test is not None
    off = np.array([actual[line] for line in data.test.rows.tolist()]) - mean
    assert outcome.baseline["test"]["rmse"] == pytest.approx(np.sqrt((off**2).mean()), rel=1e-5)
    assert outcome.baseline["test"]["r2"] < 0.05
