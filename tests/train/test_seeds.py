"""Several seeds: each run is what it would be alone, and the statistics are those of the textbook."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.errors import DataError, Diverged, Stopped, UsageError
from bpcli.train.seeds import Series, summarised, train_seeds, with_seed
from bpcli.train.trainer import Trainer
from tests.train import helpers as h


def series(folder: Path, tree: h.Tree, count: int = 3, **options: Any) -> tuple[Series, list[h.Tree]]:
    """(what came out, every event but the steps)."""
    events: list[h.Tree] = []
    found = train_seeds(
        h.loaded(folder, tree), count, runs_dir=folder / "series", listener=quiet(events), **options
    )
    return found, events


def quiet(events: list[h.Tree]) -> Any:
    return lambda event: None if event["event"] == "step" else events.append(event)


def test_each_run_is_what_it_would_be_alone(tmp_path: Path) -> None:
    dropout = {"type": "mlp", "hidden": [6], "dropout": 0.2}
    found, events = series(tmp_path, h.config(model=dropout, data__split="stratified"))
    assert list(found.outcomes) == [3, 4, 5]
    for seed, outcome in found.outcomes.items():
        alone = h.train(tmp_path, h.config(model=dropout, data__split="stratified", seed=seed))
        assert h.traces(outcome.run) == h.traces(alone.run)
        assert (outcome.run / "resolved.yaml").read_text() == (alone.run / "resolved.yaml").read_text()
        assert (outcome.metrics, outcome.baseline) == (alone.metrics, alone.baseline)
    starts = [(event["seed"], event["run"]) for event in events if event["event"] == "start"]
    assert starts == [(seed, str(outcome.run)) for seed, outcome in found.outcomes.items()]


def test_a_seed_on_the_loaded_config_is_one_on_the_command_line(tmp_path: Path) -> None:
    loaded = h.loaded(tmp_path, h.config())
    told = h.loaded(tmp_path, h.config(), ["seed=9"])
    assert with_seed(loaded, 9).experiment == told.experiment
    assert with_seed(loaded, 9).tree == told.tree


def test_the_last_event_has_the_statistics(tmp_path: Path) -> None:
    found, events = series(tmp_path, h.config(), 4)
    last = events[-1]
    assert [event["event"] for event in events].count("seeds") == 1
    assert last["event"] == "seeds" and last["seeds"] == [3, 4, 5, 6] and last["without_result"] == []
    assert last["runs"] == [str(outcome.run) for outcome in found.outcomes.values()]
    assert set(last["metrics"]) == {"train", "val", "test"}
    for part, metrics in last["metrics"].items():
        for name, told in metrics.items():
            values = [outcome.metrics[part][name] for outcome in found.outcomes.values()]
            assert told["values"] == values
            assert told["mean"] == pytest.approx(np.mean(values), rel=1e-14)
            assert told["std"] == pytest.approx(np.std(values, ddof=1), rel=1e-12)
            assert (told["min"], told["max"]) == (min(values), max(values))


def test_statistics_of_odd_values() -> None:
    one = summarised([{"test": {"loss": 0.5, "matrix": [[1]], "auc": float("nan")}}])["test"]
    assert one["loss"] == {"mean": 0.5, "std": None, "min": 0.5, "max": 0.5, "values": [0.5]}
    assert "matrix" not in one
    assert one["auc"]["mean"] is None
    two = summarised([{"val": {"f1": 0.5}}, {"val": {"f1": None}}])["val"]["f1"]
    assert two == {"mean": None, "std": None, "min": None, "max": None, "values": [0.5, None]}
    assert summarised([]) == {}
    equal = summarised([{"val": {"f1": 0.1}}] * 3)["val"]["f1"]
    assert (equal["mean"], equal["std"]) == (0.1, 0.0)


def test_a_seed_that_diverges_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = Trainer._update

    def broken(self: Trainer, window: Any) -> None:
        if self.experiment.seed == 4 and self.step == 8:
            self.model.store.w[0] = np.nan
        update(self, window)

    monkeypatch.setattr(Trainer, "_update", broken)
    events: list[h.Tree] = []
    with pytest.raises(Diverged, match=r"^seed 4: training diverged at step 9") as caught:
        train_seeds(h.loaded(tmp_path, h.config()), 3, runs_dir=tmp_path / "series", listener=quiet(events))
    assert caught.value.exit_code == 3 and caught.value.reported
    last = events[-1]
    assert last["event"] == "seeds" and last["seeds"] == [3, 5]
    assert [(one["seed"], one["status"]) for one in last["without_result"]] == [(4, "diverged")]
    assert (Path(last["without_result"][0]["run"]) / "run.json").is_file()
    assert len(last["metrics"]["val"]["loss"]["values"]) == 2
    kinds = [event["event"] for event in events]
    assert kinds.count("error") == 1 and kinds.count("end") == 3


def test_where_all_diverge_there_is_nothing_to_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    update = Trainer._update

    def broken(self: Trainer, window: Any) -> None:
        self.model.store.w[0] = np.nan
        update(self, window)

    monkeypatch.setattr(Trainer, "_update", broken)
    events: list[h.Tree] = []
    with pytest.raises(Diverged, match="seed 3: ") as caught:
        train_seeds(h.loaded(tmp_path, h.config()), 2, runs_dir=tmp_path / "series", listener=quiet(events))
    assert len(caught.value.problems) == 2
    assert events[-1]["seeds"] == [] and events[-1]["metrics"] == {}


def test_a_signal_ends_the_series_and_what_is_known_is_told(tmp_path: Path) -> None:
    events: list[h.Tree] = []
    seeds: list[int] = []

    def listener(event: h.Tree) -> None:
        if event["event"] == "start":
            seeds.append(event["seed"])
        if event["event"] == "step" and event["step"] == 5 and seeds[-1] == 4:
            signal.raise_signal(signal.SIGTERM)
        quiet(events)(event)

    with pytest.raises(Stopped) as caught:
        train_seeds(h.loaded(tmp_path, h.config()), 4, runs_dir=tmp_path / "series", listener=listener)
    assert caught.value.exit_code == 143
    last = events[-1]
    assert last["event"] == "seeds" and last["seeds"] == [3]
    told = [(one["seed"], one["status"], bool(one["run"])) for one in last["without_result"]]
    assert told == [(4, "interrupted", True), (5, "not begun", False), (6, "not begun", False)]
    run = Path(last["without_result"][0]["run"])
    alone = h.train(tmp_path, h.config(seed=4))
    assert h.resume(run).metrics == alone.metrics
    assert h.traces(run) == h.traces(alone.run)


def test_ctrl_c_between_two_runs_is_told_like_one_within(tmp_path: Path) -> None:
    events: list[h.Tree] = []

    def listener(event: h.Tree) -> None:
        if event["event"] == "start" and event["seed"] == 4:
            raise KeyboardInterrupt
        quiet(events)(event)

    with pytest.raises(Stopped) as caught:
        train_seeds(h.loaded(tmp_path, h.config()), 3, runs_dir=tmp_path / "series", listener=listener)
    assert caught.value.exit_code == 130 and caught.value.reported
    assert [event["event"] for event in events][-2:] == ["error", "seeds"]
    assert events[-1]["seeds"] == [3]


def test_in_the_first_run_there_is_nothing_to_tell_yet(tmp_path: Path) -> None:
    events: list[h.Tree] = []

    def listener(event: h.Tree) -> None:
        if event["event"] == "step" and event["step"] == 5:
            signal.raise_signal(signal.SIGINT)
        quiet(events)(event)

    with pytest.raises(Stopped):
        train_seeds(h.loaded(tmp_path, h.config()), 2, runs_dir=tmp_path / "series", listener=listener)
    assert [event["event"] for event in events][-2:] == ["error", "end"]


def test_another_error_ends_the_series_once_told(tmp_path: Path) -> None:
    events: list[h.Tree] = []

    def listener(event: h.Tree) -> None:
        quiet(events)(event)
        if event["event"] == "end":
            (tmp_path / "data.csv").unlink()

    with pytest.raises(DataError) as caught:
        train_seeds(h.loaded(tmp_path, h.config()), 3, runs_dir=tmp_path / "series", listener=listener)
    assert caught.value.reported
    assert [event["event"] for event in events][-2:] == ["error", "seeds"]
    told = [(one["seed"], one["status"], one["run"]) for one in events[-1]["without_result"]]
    assert told == [(4, "failed", None), (5, "not begun", None)]


def test_a_config_that_is_wrong_leaves_nothing(tmp_path: Path) -> None:
    loaded = h.loaded(tmp_path, h.config())
    (tmp_path / "data.csv").unlink()
    events: list[h.Tree] = []
    with pytest.raises(DataError):
        train_seeds(loaded, 3, runs_dir=tmp_path / "series", listener=quiet(events))
    assert events == [] and not (tmp_path / "series").exists()


def test_seeds_have_an_end(tmp_path: Path) -> None:
    loaded = h.loaded(tmp_path, h.config())
    top = replace(loaded, experiment=loaded.experiment.model_copy(update={"seed": 2**63 - 2}))
    with pytest.raises(UsageError, match="beyond the largest"):
        train_seeds(top, 3, runs_dir=tmp_path / "series")
