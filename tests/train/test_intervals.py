"""Prediction intervals hold what they say, and belong to their weights; and the picture of a forecast."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.errors import CheckpointError, UsageError
from bpcli.train.evaluate import outputs
from bpcli.train.forecast import forecasts
from bpcli.train.saved import Saved
from tests.train.helpers import Tree, resume, stopped_at
from tests.train.helpers import train as start
from tests.train.series import N, config, grown, run, split, write_series

# --- intervals ------------------------------------------------------------------------------------------


def noisy(rows: int = 3000) -> np.ndarray:
    """y_t = .8 y_(t-1) + noise, whose errors no net can avoid; above 0."""
    rng = np.random.default_rng(4)
    y = np.zeros(rows)
    for t in range(1, rows):
        y[t] = 0.8 * y[t - 1] + rng.standard_t(4) * 0.1
    return np.exp(y) * 10


@pytest.mark.parametrize(
    "loss",
    [
        "mse",
        "mae",
        "gaussian_nll",
        {"type": "quantile", "q": [0.2, 0.5, 0.8]},
        {"type": "quantile", "q": 0.7},
    ],
)
@pytest.mark.parametrize("level", [0.9, 0.6])
def test_intervals_hold_the_share_that_they_say(tmp_path: Path, loss: Any, level: float) -> None:
    tree = config(loss, epochs=3, inputs=3, time=None, interval=level, season=1)
    tree["data"]["batch_size"] = 64
    values = noisy()
    _, saved = run(tmp_path, tree, values)
    part = split(saved, "test")
    found = forecasts(saved, part)
    truth = values[part.windows.spans[:, :1] + np.arange(3)][..., None]
    assert found.ends == (f"low{100 * level:g}", f"high{100 * level:g}")
    low, high = (found.values[name] for name in found.ends)
    assert (low <= found.values["prediction"]).all()
    assert (found.values["prediction"] <= high).all()
    covered = ((low <= truth) & (truth <= high)).mean(axis=(0, 2))
    assert np.abs(covered - level).max() < 0.05  # about three deviations of a share of 598 truths


def test_an_interval_is_the_order_statistic_of_the_validation_errors(tmp_path: Path) -> None:
    outcome, saved = run(tmp_path, config())
    part = split(saved, "val")
    errors = np.abs(
        part.y - np.concatenate([y.copy() for _, y in outputs(saved.model, part.x, saved.model.workspace())])
    )
    rank = int(np.ceil((len(part) + 1) * 0.9))
    stored = json.loads((outcome.run / "intervals.json").read_text())
    assert stored["reach"] == pytest.approx(np.sort(errors, axis=0)[rank - 1].tolist(), rel=1e-12)
    assert stored["rows"] == len(part)


def test_too_few_validation_windows_are_said(tmp_path: Path) -> None:
    tree = config(epochs=1, horizon=3)
    tree["data"]["split"] = {"type": "chronological", "train": 0.7, "val": 0.06, "test": 0.2}
    write_series(tmp_path, grown())
    events: list[Tree] = []
    outcome = start(tmp_path, tree, listener=events.append)
    notes = [event["message"] for event in events if event["event"] == "note"]
    assert any("for 90 % they need 9, and the validation part has 7 windows" in note for note in notes), notes
    (row, *_) = Saved.open(outcome.run).predict(tmp_path / "data.csv")
    assert "details" not in row


def test_no_intervals_where_none_are_wanted(tmp_path: Path) -> None:
    outcome, saved = run(tmp_path, config(epochs=1, interval=None))
    assert not (outcome.run / "intervals.json").exists()
    assert "details" not in next(iter(saved.predict(tmp_path / "data.csv")))


def test_intervals_belong_to_the_weights_that_were_measured(tmp_path: Path) -> None:
    outcome, saved = run(tmp_path, config(epochs=3))
    assert saved.intervals is not None
    file = outcome.run / "intervals.json"
    tree = json.loads(file.read_text())
    file.write_text(json.dumps({**tree, "step": tree["step"] + 1}))
    assert Saved.open(outcome.run).intervals is None
    for damage in ("{", "[]", json.dumps({**tree, "reach": [1.0]}), json.dumps({**tree, "level": 2.0})):
        file.write_text(damage)
        with pytest.raises(CheckpointError, match="stored intervals are damaged"):
            Saved.open(outcome.run)


def test_a_stopped_run_ends_with_the_same_intervals(tmp_path: Path) -> None:
    whole, _ = run(tmp_path, config(epochs=4))
    write_series(tmp_path, grown())
    cut = stopped_at(9, lambda listener: start(tmp_path, config(epochs=4), listener=listener))
    assert not (cut / "intervals.json").exists()
    resume(cut)
    for name in ("intervals.json", "metrics.jsonl", "checkpoints/best.safetensors", "pipeline.json"):
        assert (cut / name).read_bytes() == (whole.run / name).read_bytes(), name


# --- the picture ----------------------------------------------------------------------------------------


def test_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from bpcli.cli.plot import draw

    _, saved = run(tmp_path, config())
    found = saved.forecasts(tmp_path / "data.csv")
    assert found.first.tolist() == list(range(N - 30, N + 1, 3))  # one horizon apart, the last beyond the end
    assert draw(tmp_path / "out.png", found, "series") == 11
    assert (tmp_path / "out.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from bpcli.cli.plot import check

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match="needs matplotlib") as caught:
        check("a.png", every=False)
    assert "bpcli[plots]" in (caught.value.problems[0].hint or "")
