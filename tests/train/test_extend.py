"""Resuming with more epochs, resuming what had ended, and what a resume refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bpcli.errors import BpcliError, CheckpointError, ConfigError, DataError
from bpcli.runs import checkpoint
from tests.train import helpers as h


def lines_after(run: Path, epoch: int) -> list[h.Tree]:
    return [line for line in h.metrics_of(run) if line["epoch"] > epoch]


def test_ten_epochs_and_ten_more_are_twenty(tmp_path: Path) -> None:
    whole = h.train(tmp_path, h.config(train__epochs=20))
    part = h.train(tmp_path, h.config(train__epochs=10))
    assert h.traces(part.run) != h.traces(whole.run)
    outcome = h.resume(part.run, ["train.epochs=20"])
    assert outcome.status == "completed"
    assert outcome.metrics == whole.metrics
    assert h.traces(part.run) == h.traces(whole.run)


def test_an_extended_cosine_keeps_its_horizon(tmp_path: Path) -> None:
    """Beyond the plan the rate stays at min_lr: 1e-12 here, so that nothing moves any more."""
    cosine = {"type": "cosine", "min_lr": 1e-12}
    part = h.train(tmp_path, h.config(train__epochs=4, schedule=cosine))
    rates: list[float] = []
    h.resume(part.run, ["train.epochs=6"], listener=lambda e: rates.append(e.get("rate", -1.0)))
    assert {rate for rate in rates if rate >= 0} == {1e-12}
    info = json.loads((part.run / "run.json").read_text())
    assert info["horizon"] == 4 * 7


def test_a_changed_schedule_gets_the_new_horizon(tmp_path: Path) -> None:
    cosine = {"type": "cosine", "min_lr": 1e-12}
    part = h.train(tmp_path, h.config(train__epochs=4, schedule=cosine))
    rates: list[float] = []
    h.resume(
        part.run,
        ["train.epochs=6", "schedule.min_lr=1e-11"],
        listener=lambda e: rates.append(e.get("rate", -1.0)),
    )
    assert max(rates) > 1e-4
    assert json.loads((part.run / "run.json").read_text())["horizon"] == 6 * 7


def test_an_extension_that_is_stopped_still_knows_its_plan(tmp_path: Path) -> None:
    """The plan is kept by every resume, not only by the first."""
    cosine = {"type": "cosine", "min_lr": 1e-5}
    whole = h.train(tmp_path, h.config(train__epochs=3, schedule=cosine))
    h.resume(whole.run, ["train.epochs=6"])
    run = h.train(tmp_path, h.config(train__epochs=3, schedule=cosine)).run
    h.stopped_at(25, lambda listener: h.resume(run, ["train.epochs=6"], listener=listener))
    h.resume(run)  # resolved.yaml has the new number of epochs by now
    assert h.traces(run) == h.traces(whole.run)


def test_a_completed_run_stays_as_it_is(tmp_path: Path) -> None:
    first = h.train(tmp_path, h.config())
    before = h.traces(first.run)
    again = h.resume(first.run)
    assert (again.status, again.metrics, again.baseline) == ("completed", first.metrics, first.baseline)
    assert h.traces(first.run) == before


def test_an_early_stopped_run_stops_again_at_once(tmp_path: Path) -> None:
    stop = {"type": "early_stop", "monitor": "val.loss", "patience": 2}
    first = h.train(tmp_path, h.config(train__epochs=200, optimizer__lr=0.1, early_stop=stop))
    assert first.status == "early_stopped"
    before = h.traces(first.run)
    events: list[h.Tree] = []
    again = h.resume(first.run, listener=events.append)
    assert again.status == "early_stopped"
    assert again.metrics == first.metrics
    assert h.traces(first.run) == before
    assert not [event for event in events if event["event"] == "step"]


def test_a_stopped_run_with_more_patience_goes_on(tmp_path: Path) -> None:
    """And then it is the run that had that patience from the start."""
    options: dict[str, Any] = {"train__epochs": 60, "optimizer__lr": 0.1}
    patient = h.train(tmp_path, h.config(**options, early_stop={"patience": 6}))
    run = h.train(tmp_path, h.config(**options, early_stop={"patience": 2})).run
    assert h.traces(run) != h.traces(patient.run)
    assert h.resume(run, ["early_stop.patience=6"]).metrics == patient.metrics
    assert h.traces(run) == h.traces(patient.run)


def test_stopped_by_the_clock_it_can_go_on(tmp_path: Path) -> None:
    whole = h.train(tmp_path, h.config(train__epochs=5))
    first = h.train(tmp_path, h.config(train__epochs=5, train__max_time=1e-9))
    assert first.status == "time_limit"
    assert checkpoint.verify(first.run / "checkpoints" / "last.safetensors")["step"] == 1
    assert h.resume(first.run, ["train.max_time=1h"]).status == "completed"
    assert h.traces(first.run) == h.traces(whole.run)


def test_a_run_without_a_checkpoint_begins_anew(tmp_path: Path) -> None:
    whole = h.train(tmp_path, h.config())
    run = h.stopped_at(2, lambda listener: h.train(tmp_path, h.config(), listener=listener))
    for file in (run / "checkpoints").iterdir():
        file.unlink()
    (run / "metrics.jsonl").write_text('{"v":1,"epoch":1}\n')
    events: list[h.Tree] = []
    h.resume(run, listener=events.append)
    assert "no checkpoint yet" in next(e for e in events if e["event"] == "note")["message"]
    assert h.traces(run) == h.traces(whole.run)


# --- what is refused -----------------------------------------------------------------------------------


def refused(run: Path, overrides: list[str] | None = None) -> BpcliError:
    """The error, after making sure that nothing of the run was touched."""
    before = h.traces(run)
    resolved = (run / "resolved.yaml").read_bytes()
    with pytest.raises(BpcliError) as caught:
        h.resume(run, overrides or [])
    assert caught.value.exit_code == 2
    assert h.traces(run) == before
    assert (run / "resolved.yaml").read_bytes() == resolved
    return caught.value


def test_keys_that_would_make_it_another_run_are_refused_all_at_once(tmp_path: Path) -> None:
    run = h.train(tmp_path, h.config()).run
    error = refused(
        run,
        ["model.hidden=[7]", "seed=4", "optimizer.beta1=0.5", "data.batch_size=16", "train.epochs=9"],
    )
    assert isinstance(error, ConfigError)
    told = {problem.path: problem.message for problem in error.problems}
    assert set(told) == {"model.hidden[0]", "seed", "data.batch_size", "optimizer.beta1"}
    assert "was 3" in told["seed"]
    assert "to be 4" in told["seed"]
    assert all(problem.hint for problem in error.problems)


@pytest.mark.parametrize(
    "change", ["train.precision=float64", "train.accumulate=2", "loss.label_smoothing=0.1", "metrics=[f1]"]
)
def test_each_of_these_keys_is_refused(tmp_path: Path, change: str) -> None:
    run = h.train(tmp_path, h.config(train__epochs=1)).run
    assert change.split("=")[0].split(".")[-1] in str(refused(run, [change]))


@pytest.mark.parametrize(
    "change", ["optimizer.lr=0.5", "train.clip_norm=1.0", "checkpoint.every=5s", "train.threads=2"]
)
def test_each_of_these_keys_may_change(tmp_path: Path, change: str) -> None:
    run = h.train(tmp_path, h.config(train__epochs=1)).run
    assert h.resume(run, ["train.epochs=2", change]).status == "completed"


def test_changed_data_is_refused(tmp_path: Path) -> None:
    run = h.train(tmp_path, h.config()).run
    data = tmp_path / "data.csv"
    data.write_text(data.read_text() + "1,2,3,4,5,u\n")
    error = refused(run, ["train.epochs=5"])
    assert isinstance(error, DataError)
    assert "data" in str(error)


def test_data_that_is_gone_is_refused(tmp_path: Path) -> None:
    run = h.train(tmp_path, h.config()).run
    (tmp_path / "data.csv").unlink()
    assert "data.csv" in str(refused(run, ["train.epochs=5"]))


def test_the_checkpoint_of_another_net_is_refused(tmp_path: Path) -> None:
    run = h.train(tmp_path, h.config()).run
    other = h.train(tmp_path, h.config(model__hidden=[4])).run
    for name in ("last", "best", "prev"):
        file = f"checkpoints/{name}.safetensors"
        if (run / file).exists():
            shutil.copy(other / file, run / file)
    error = refused(run, ["train.epochs=5"])
    assert isinstance(error, CheckpointError)
    assert "another net" in str(error)
