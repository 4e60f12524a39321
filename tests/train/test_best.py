"""What `best` is, what a run's end reports, and when states are written."""

from __future__ import annotations

import json
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from bpcli.errors import BuildError, ConfigError
from bpcli.metrics.accuracy import Accuracy
from bpcli.metrics.confusion_matrix import ConfusionMatrix
from bpcli.metrics.f1 import F1
from bpcli.metrics.loss import LossMetric
from bpcli.metrics.roc_auc import RocAuc
from bpcli.runs import checkpoint
from bpcli.runs.kept import Kept
from bpcli.spec.experiment import CheckpointSection
from bpcli.train import saver as saving
from bpcli.train.monitor import Monitor
from bpcli.train.saver import Saver
from tests.train import helpers as h

METRICS = (LossMetric(), Accuracy(), RocAuc())


def monitor(name: str = "auto", mode: Any = "auto", *, has_val: bool = True) -> Monitor:
    return Monitor(CheckpointSection(monitor=name, mode=mode), METRICS, has_val=has_val)


def choices(values: list[Any], name: str = "val.loss", mode: Any = "auto") -> list[bool]:
    watching, (part, label) = monitor(name, mode), name.split(".")
    return [watching.observe({part: {label: value}}, epoch) for epoch, value in enumerate(values, 1)]


def meta(run: Path, which: str) -> Any:
    return checkpoint.verify(run / "checkpoints" / f"{which}.safetensors")


# --- the monitor ---------------------------------------------------------------------------------------


def test_lower_loss_and_higher_accuracy_are_better_and_a_tie_is_not() -> None:
    values = [0.5, 0.5, 0.4, 0.6, 0.4, 0.3]
    assert choices(values) == [True, False, True, False, False, True]
    assert choices(values, "val.accuracy") == [True, False, False, True, False, False]
    assert choices(values, mode="max") == [True, False, False, True, False, False]


@pytest.mark.parametrize("bad", [nan, inf, -inf, None])
def test_what_is_not_finite_is_never_best(bad: Any) -> None:
    assert choices([bad, 0.5, bad, 0.4]) == [False, True, False, True]
    assert choices([bad, 0.5, bad, 0.6], "val.accuracy") == [False, True, False, True]
    assert choices([bad, bad]) == [False, False]


def test_a_table_cannot_be_monitored() -> None:
    for table in (ConfusionMatrix(), F1(average="none")):
        with pytest.raises(BuildError, match="no metric"):
            Monitor(CheckpointSection(monitor=f"val.{table.label()}"), (*METRICS, table), has_val=True)


def test_without_a_validation_part_nothing_is_chosen() -> None:
    none = monitor(has_val=False)
    assert none.name is None
    assert none.observe({"train": {"loss": 0.1}}, 1) is False
    assert monitor("train.loss", has_val=False).observe({"train": {"loss": 0.1}}, 1) is True


def test_its_names_are_checked() -> None:
    assert monitor().names == (
        "train.loss", "train.accuracy", "val.loss", "val.accuracy", "val.roc_auc",
    )  # fmt: skip
    for name, said in (
        ("val.acuracy", "val.accuracy"),
        ("accuracy", "val.accuracy"),
        ("train.roc_auc", "val.roc_auc"),
    ):
        with pytest.raises(ConfigError, match=f"no metric '{name}'.*{said}"):
            monitor(name)
    with pytest.raises(ConfigError, match=r"no metric 'val\.loss'"):
        monitor("val.loss", has_val=False)


def test_a_checkpoint_of_another_monitor_says_nothing() -> None:
    first, other = monitor("val.loss"), monitor("val.accuracy")
    first.observe({"val": {"loss": 0.2}}, 3)
    other.restore(first.state())
    assert other.state() == {"monitor": "val.accuracy", "value": None, "epoch": 0, "higher": True}
    turned = monitor("val.loss", "max")
    turned.restore(first.state())
    assert turned.state()["value"] is None
    again = monitor("val.loss")
    again.restore(first.state())
    assert again.observe({"val": {"loss": 0.3}}, 4) is False


def test_a_wrong_monitor_in_a_config_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        h.train(tmp_path, h.config(checkpoint={"monitor": "val.accurcy"}))
    problem = caught.value.problems[0]
    text = (tmp_path / "config.yaml").read_text().splitlines()
    assert problem.path == "checkpoint.monitor"
    assert "val.accurcy" in text[(problem.line or 0) - 1]
    assert not (tmp_path / "runs").exists()


# --- whole runs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["val.loss", "val.accuracy", "train.accuracy"])
def test_best_is_the_epoch_of_the_best_value_and_the_end_reports_it(tmp_path: Path, name: str) -> None:
    tree = h.config(seed=4, train__epochs=12, optimizer__lr=0.1, checkpoint={"monitor": name})
    events: list[h.Tree] = []
    outcome = h.train(tmp_path, tree, listener=events.append)
    part, label = name.split(".")
    values = [line[part][label] for line in h.metrics_of(outcome.run)]
    choose = min if label == "loss" else max
    epoch = values.index(choose(values)) + 1
    assert 1 < epoch < 12, "a case in which neither the first nor the last is best"
    best = meta(outcome.run, "best")
    assert best["epoch"] == epoch == events[-1]["best_epoch"]
    assert best["best"] == {
        "monitor": name, "value": values[epoch - 1], "epoch": epoch, "higher": label != "loss"
    }  # fmt: skip
    assert meta(outcome.run, "last")["epoch"] == 12
    assert meta(outcome.run, "last")["best"] == best["best"]
    for which in ("train", "val"):
        assert outcome.metrics[which] == h.metrics_of(outcome.run)[epoch - 1][which]
    info = json.loads((outcome.run / "run.json").read_text())
    assert (info["status"], info["best_epoch"]) == ("completed", epoch)
    assert info["metrics"]["test"] == outcome.metrics["test"]


def test_without_a_validation_part_the_last_epoch_counts(tmp_path: Path) -> None:
    split = {"type": "random", "train": 0.8, "val": 0.0, "test": 0.2}
    outcome = h.train(tmp_path, h.config(data__split=split))
    assert not (outcome.run / "checkpoints" / "best.safetensors").exists()
    assert set(outcome.metrics) == {"train", "test"}
    assert outcome.metrics["train"] == h.metrics_of(outcome.run)[-1]["train"]


def test_best_survives_a_resume(tmp_path: Path) -> None:
    """The best epoch lies before the stop: what comes after must not replace it."""
    tree = h.config(train__epochs=12, optimizer__lr=0.1)
    whole = h.train(tmp_path, tree)
    epoch = meta(whole.run, "best")["epoch"]
    run = h.stopped_at(epoch * 7 + 3, lambda listener: h.train(tmp_path, tree, listener=listener))
    assert meta(run, "best")["epoch"] == epoch
    assert h.resume(run).metrics == whole.metrics
    assert h.traces(run) == h.traces(whole.run)


# --- when it is written --------------------------------------------------------------------------------


class Shelf:
    """A run folder that only remembers what was written."""

    def __init__(self) -> None:
        self.written: list[tuple[str, int]] = []

    def save(self, arrays: Any, meta: Any, *, best: bool) -> None:
        self.written.append(("last+best" if best else "last", meta["step"]))

    def save_best(self, arrays: Any, meta: Any) -> None:
        self.written.append(("best", meta["step"]))


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [100.0]
    monkeypatch.setattr(saving.time, "monotonic", lambda: clock[0])
    return clock


def state(step: int) -> Any:
    return {}, {"step": step}


def shelved(every: float) -> tuple[Saver, Shelf]:
    shelf = Shelf()
    return Saver(shelf, every), shelf  # type: ignore[arg-type]


def test_epochs_within_a_second_wait_and_the_best_of_them_is_written_first(now: list[float]) -> None:
    saver, shelf = shelved(60)
    saver.keep(state(1), best=True)
    saver.keep(state(2), best=True)
    saver.keep(state(3), best=False)
    assert shelf.written == []
    now[0] += 1.5
    saver.keep(state(4), best=False)
    assert shelf.written == [("best", 2), ("last", 4)]
    saver.flush()
    assert shelf.written == [("best", 2), ("last", 4)]


def test_a_best_that_is_also_last_is_written_once(now: list[float]) -> None:
    saver, shelf = shelved(60)
    now[0] += 2
    saver.keep(state(1), best=True)
    assert shelf.written == [("last+best", 1)]


def test_a_save_within_an_epoch_brings_the_waiting_best_along(now: list[float]) -> None:
    saver, shelf = shelved(60)
    saver.keep(state(7), best=True)
    saver.write(state(9))
    assert shelf.written == [("best", 7), ("last", 9)]


def test_due_follows_every(now: list[float]) -> None:
    saver, _ = shelved(5)
    now[0] += 4.9
    assert not saver.due
    now[0] += 0.2
    assert saver.due
    saver.write(state(1))
    assert not saver.due
    quick, other = shelved(0.25)  # shorter than a second: epochs' ends need not wait longer than that
    now[0] += 0.3
    quick.keep(state(2), best=False)
    assert other.written == [("last", 2)]


def test_what_waits_is_a_copy(now: list[float]) -> None:
    import numpy as np

    kept: list[Any] = []
    saver, shelf = shelved(60)
    shelf.save = lambda arrays, meta, best: kept.append(arrays["w"].copy())  # type: ignore[method-assign]
    w = np.zeros(3)
    saver.keep(({"w": w}, {"step": 1}), best=False)
    w += 1
    saver.flush()
    assert kept[0].tolist() == [0, 0, 0]


def test_a_run_that_fails_keeps_what_waited(tmp_path: Path) -> None:
    """Short epochs are not written one by one; an error from a listener must not lose them."""
    tree = h.config(train__epochs=50)
    runs: list[Path] = []

    def listener(event: h.Tree) -> None:
        if event["event"] == "start":
            runs.append(Path(event["run"]))
        if event["event"] == "epoch" and event["epoch"] == 3:
            raise RuntimeError("the terminal is gone")

    with pytest.raises(RuntimeError):
        h.train(tmp_path, tree, listener=listener)
    assert meta(runs[0], "last")["epoch"] == 3
    assert json.loads((runs[0] / "run.json").read_text())["status"] == "failed"
    whole = h.train(tmp_path, tree)
    h.resume(runs[0])
    assert h.traces(runs[0]) == h.traces(whole.run)


@pytest.mark.parametrize("epoch", [3, 6])
@pytest.mark.parametrize("lost", ["last", "both last and prev"])
def test_killed_between_best_and_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str, epoch: int
) -> None:
    """`best` is then the newest state, or the only one; the resumed run ends as the undisturbed one.

    In the last epoch too, where a resume has nothing left to do but to write `last`.
    """
    tree = h.config(train__epochs=6, optimizer__lr=0.001)
    whole = h.train(tmp_path, tree)
    assert meta(whole.run, "best")["epoch"] == 6, "a case in which every epoch is the best so far"
    monkeypatch.setattr(saving, "GAP", 0.0)
    monkeypatch.setattr(saving, "TIMES", 0.0)
    real = Kept.save

    def save(self: Kept, arrays: Any, meta: Any, *, best: bool) -> None:
        if meta["epoch"] == epoch:
            self.save_best(arrays, meta)
            raise KeyboardInterrupt
        real(self, arrays, meta, best=best)

    events: list[h.Tree] = []
    with monkeypatch.context() as patch:
        patch.setattr(Kept, "save", save)
        with pytest.raises(KeyboardInterrupt):
            h.train(tmp_path, tree, listener=events.append)
    run = Path(events[0]["run"])
    assert meta(run, "last")["epoch"] == epoch - 1
    if lost != "last":
        for which in ("last", "prev"):
            (run / "checkpoints" / f"{which}.safetensors").unlink(missing_ok=True)
    events.clear()
    h.resume(run, listener=events.append)
    assert events[0]["resumed_from"] == {"checkpoint": "best", "epoch": epoch, "step": epoch * 7}
    assert h.traces(run) == h.traces(whole.run)
