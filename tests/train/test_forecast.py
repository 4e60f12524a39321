"""Forecasts: judged in the series' own units, and told beyond its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.cli.rows import write
from bpcli.errors import ConfigError, UsageError
from bpcli.train.evaluate import outputs
from bpcli.train.forecast import forecasts
from bpcli.train.saved import Saved
from bpcli.train.session import Outcome
from tests.train.helpers import Tree
from tests.train.helpers import train as start
from tests.train.series import N, config, grown, run, split, write_series


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome, Saved]:
    folder = tmp_path_factory.mktemp("series")
    return folder, *run(folder, config())


def by_hand(saved: Saved, values: np.ndarray, first: int) -> np.ndarray:
    """The forecast of the steps first, first + 1, first + 2, from the window before them, step by step."""
    window = np.log(values[first - 6 : first])
    fitted = saved.pipeline.steps[0].fitted["window"]
    x = (window - window[-1] - fitted["offset"]) / fitted["scale"]
    (_, y), *_ = outputs(saved.model, x.reshape(1, 6, 1), saved.model.workspace())
    step = saved.pipeline.target_step
    assert step is not None
    relative = [
        y[0, j] * step.fitted[f"y+{j + 1}"]["scale"] + step.fitted[f"y+{j + 1}"]["offset"] for j in range(3)
    ]
    return np.exp(np.array(relative) + window[-1])


# --- units ----------------------------------------------------------------------------------------------


def test_metrics_and_baseline_are_in_the_units_of_the_series(trained: tuple[Path, Outcome, Saved]) -> None:
    _, outcome, saved = trained
    values = grown()
    part = split(saved, "test")
    firsts = part.windows.spans[:, 0]
    told = np.array([by_hand(saved, values, int(first)) for first in firsts])
    truth = np.array([values[first : first + 3] for first in firsts])
    naive = np.array([values[first - 6 : first - 3] for first in firsts])
    end = int(split(saved, "train").windows.spans.max()) + 1
    scale = np.mean(np.abs(values[6:end] - values[: end - 6]))
    for metrics, y in ((outcome.metrics["test"], told), (outcome.baseline["test"], naive)):
        error = np.abs(y - truth)
        assert metrics["mae"] == pytest.approx(error.mean(), rel=1e-10)
        assert metrics["rmse"] == pytest.approx(np.sqrt((error**2).mean(axis=0)).mean(), rel=1e-10)
        assert metrics["smape"] == pytest.approx((2 * error / (y + truth)).mean(), rel=1e-10)
        assert metrics["mase"] == pytest.approx(error.mean() / scale, rel=1e-10)
        spread = ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
        assert metrics["r2"] == pytest.approx((1 - (error**2).sum(axis=0) / spread).mean(), rel=1e-9)
    again = saved.evaluate("test")
    assert again["metrics"] == outcome.metrics["test"]
    assert again["baseline"] == outcome.baseline["test"]


@pytest.mark.parametrize("loss", ["mae", "huber", "gaussian_nll", {"type": "quantile", "q": [0.1, 0.5, 0.9]}])
def test_the_naive_baseline_is_the_same_under_every_loss(tmp_path: Path, loss: Any) -> None:
    outcome, saved = run(tmp_path, config(loss, epochs=1))
    values = grown()
    firsts = split(saved, "test").windows.spans[:, 0]
    error = [abs(values[f + j] - values[f + j - 6]) for f in firsts for j in range(3)]
    assert outcome.baseline["test"]["mae"] == pytest.approx(np.mean(error), rel=1e-10)


def test_training_metrics_are_in_those_units_too(tmp_path: Path) -> None:
    """With weights that hardly move, an epoch's own scores are those of the training part afterwards."""
    tree = config(epochs=1)
    tree["optimizer"] = {"type": "sgd", "lr": 1e-12}
    tree["train"]["accumulate"] = 2
    events: list[Tree] = []
    write_series(tmp_path, grown())
    outcome = start(tmp_path, tree, listener=events.append)
    (epoch,) = [event for event in events if event["event"] == "epoch"]
    found = Saved.open(outcome.run).evaluate("train")["metrics"]
    assert epoch["metrics"]["train"] == pytest.approx(found, rel=1e-6)


def test_without_metrics_a_series_is_judged_by_mae_and_mase(tmp_path: Path) -> None:
    tree = config(epochs=1)
    del tree["metrics"]
    outcome, _ = run(tmp_path, tree)
    assert list(outcome.metrics["test"]) == ["loss", "mae", "mase"]


def test_mase_is_for_series() -> None:
    from bpcli.data.records import Target
    from bpcli.losses.mse import Mse
    from bpcli.metrics.mase import Mase

    with pytest.raises(ConfigError, match="compares with the seasonal naive forecast of a series"):
        Mase().check(Target("values", ("y",)), Mse())


def test_it_learns_what_the_naive_forecast_does_not_know(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, config(epochs=60))
    assert outcome.metrics["test"]["mase"] < 0.8 * outcome.baseline["test"]["mase"]


# --- beyond the end -------------------------------------------------------------------------------------


def test_predict_continues_the_series(trained: tuple[Path, Outcome, Saved]) -> None:
    folder, _, saved = trained
    rows = list(saved.predict(folder / "data.csv"))
    assert [(row["row"], row["time"]) for row in rows] == [(1, "2012-07"), (2, "2012-08"), (3, "2012-09")]
    assert [row["prediction"] for row in rows] == pytest.approx(
        by_hand(saved, grown(), N).tolist(), rel=1e-12
    )
    for row in rows:
        assert row["details"]["low90"] < row["prediction"] < row["details"]["high90"]
    longer = write_series(folder, grown()[: N - 4], name="shorter.csv")
    again = list(saved.predict(longer))
    assert again[0]["time"] == "2012-03"
    assert again[0]["prediction"] == pytest.approx(by_hand(saved, grown(), N - 4)[0], rel=1e-12)


def test_all_origins_on_request(trained: tuple[Path, Outcome, Saved]) -> None:
    folder, _, saved = trained
    rows = list(saved.predict(folder / "data.csv", every=True))
    assert [row["row"] for row in rows] == list(range(7, N + 2))  # the lines of the last steps seen
    last = list(saved.predict(folder / "data.csv"))
    assert list(rows[-1]["prediction"].values()) == pytest.approx(
        [row["prediction"] for row in last], rel=1e-12
    )
    assert rows[-1]["details"]["y+2_high90"] == pytest.approx(last[1]["details"]["high90"], rel=1e-12)


def test_a_forecast_as_a_table(trained: tuple[Path, Outcome, Saved]) -> None:
    folder, _, saved = trained
    assert write(folder / "out.csv", saved.predict(folder / "data.csv")) == 3
    lines = (folder / "out.csv").read_text().splitlines()
    assert lines[0] == "row,time,prediction,prediction_low90,prediction_high90"
    assert lines[1].startswith("1,2012-07,")


def test_several_targets_are_told_apart(tmp_path: Path) -> None:
    other = grown(seed=5)[::-1].copy()
    tree = config(target=["y", "z"], horizon=2)
    _, saved = run(tmp_path, tree, grown(), other)
    rows = list(saved.predict(tmp_path / "data.csv"))
    assert [list(row["prediction"]) for row in rows] == [["y", "z"]] * 2
    assert list(rows[0]["details"]) == ["y_low90", "z_low90", "y_high90", "z_high90"]
    found = forecasts(saved, split(saved, "test"))
    assert found.values["prediction"].shape == (len(found.first), 2, 2)
    assert abs(np.log(rows[0]["prediction"]["z"] / other[-1])) < 1


def test_a_loss_for_each_of_two_targets(tmp_path: Path) -> None:
    loss = {
        "type": "weighted_sum",
        "parts": [
            {"target": ["z+1", "z+2"], "loss": "gaussian_nll", "name": "z"},
            {"target": ["y+1", "y+2"], "loss": "mse", "name": "y"},
        ],
    }
    tree = config(loss, target=["y", "z"], horizon=2)
    outcome, saved = run(tmp_path, tree, grown(), grown(seed=5) * 100)
    assert outcome.baseline["test"]["z.mae"] > 20 * outcome.baseline["test"]["y.mae"]
    rows = list(saved.predict(tmp_path / "data.csv"))
    assert rows[0]["prediction"]["z"] > 20 * rows[0]["prediction"]["y"]
    assert {"z_low", "z_high", "y_low90", "z_low90"} <= set(rows[0]["details"])
    assert "y_low" not in rows[0]["details"]
    row = list(saved.predict(tmp_path / "data.csv", every=True))[-1]
    assert row["prediction"]["z"]["z+1"] == rows[0]["prediction"]["z"]
    assert row["details"]["y"]["y+2_low90"] == rows[1]["details"]["y_low90"]


def test_what_is_no_series(tmp_path: Path, trained: tuple[Path, Outcome, Saved]) -> None:
    _, _, saved = trained
    with pytest.raises(UsageError, match="continued from a file"):
        list(saved.predict(np.zeros((1, 6, 1))))
    from tests.train.helpers import config as plain

    other = Saved.open(start(tmp_path, plain(train__epochs=1)).run)
    with pytest.raises(UsageError, match="predicts rows, not a series"):
        list(other.predict(tmp_path / "data.csv", every=True))
    with pytest.raises(UsageError, match="predicts rows, not a series"):
        other.forecasts(tmp_path / "data.csv")
