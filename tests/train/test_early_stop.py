"""Early stopping, with a trainer that only knows its numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bpcli.callbacks.base import StopTraining
from bpcli.callbacks.early_stop import EarlyStop
from bpcli.errors import ConfigError


class FakeTrainer:
    def __init__(self) -> None:
        self.epoch = 0
        self.last_metrics: dict[str, dict[str, Any]] = {}

    def higher_is_better(self, monitor: str) -> bool:
        return monitor.endswith("accuracy")


def run(
    stop: EarlyStop,
    values: list[Any],
    label: str = "loss",
    memory: dict[str, Any] | None = None,
    start: int = 0,
) -> tuple[int, dict[str, Any]]:
    """(epochs trained, memory) where epoch i reports values[i]; the memory goes through JSON each epoch."""
    trainer: Any = FakeTrainer()
    trainer.epoch = start
    now: dict[str, Any] = memory or stop.memory()
    for value in values:
        try:
            stop.before_epoch(trainer, now)
        except StopTraining as reason:
            assert str(reason) == "early_stopped"
            break
        trainer.epoch += 1
        trainer.last_metrics = {"train": {"loss": 0.0}, "val": {label: value, "table": [[1, 2]]}}
        stop.after_epoch(trainer, now)
        now = json.loads(json.dumps(now, allow_nan=False))
    return trainer.epoch, now


def test_stops_after_so_many_epochs_without_an_improvement():
    epochs, memory = run(EarlyStop(patience=2), [3.0, 2.0, 2.0, 2.5, 1.0, 0.5])
    assert epochs == 4
    assert memory == {"best": 2.0, "best_epoch": 2, "wait": 2}


def test_an_improvement_starts_the_count_again():
    epochs, memory = run(EarlyStop(patience=2), [3.0, 4.0, 2.0, 4.0, 1.0])
    assert (epochs, memory["best_epoch"], memory["wait"]) == (5, 5, 0)


def test_a_gain_of_exactly_min_delta_is_not_enough():
    stop = EarlyStop(patience=1, min_delta=0.5)
    assert run(stop, [3.0, 2.5, 0.0])[0] == 2
    assert run(stop, [3.0, 2.25, 1.0])[0] == 3
    assert run(stop, [3.0, 2.75, 0.0])[1]["best"] == 3.0
    upwards = EarlyStop(patience=1, min_delta=0.5, mode="max")
    assert run(upwards, [1.0, 1.5, 9.0])[0] == 2
    assert run(upwards, [1.0, 1.75, 2.0])[0] == 3


def test_the_direction_comes_from_the_metric_or_from_mode():
    values = [0.5, 0.6, 0.7, 0.8]
    assert run(EarlyStop(monitor="val.accuracy", patience=1), values, "accuracy")[0] == 4
    assert run(EarlyStop(monitor="val.accuracy", patience=1, mode="min"), values, "accuracy")[0] == 2
    assert run(EarlyStop(patience=1), values)[0] == 2
    assert run(EarlyStop(patience=1, mode="max"), values)[0] == 4


@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf"), float("-inf")])
def test_what_is_not_a_finite_number_never_improves(nothing: float | None):
    for mode in ("min", "max"):
        stop = EarlyStop(patience=2, mode=mode)
        assert run(stop, [nothing, nothing, 1.0])[0] == 2
        epochs, memory = run(stop, [1.0, nothing, nothing])
        assert (epochs, memory["best"]) == (3, 1.0)


def test_a_resumed_run_goes_on_counting_and_a_stopped_one_stops_at_once():
    stop = EarlyStop(patience=3)
    epochs, memory = run(stop, [1.0, 2.0, 2.0])
    assert run(stop, [2.0, 2.0], memory=memory, start=epochs)[0] == epochs + 1
    epochs, memory = run(stop, [1.0, 2.0, 2.0, 2.0])
    assert run(stop, [0.0], memory=memory, start=epochs)[0] == epochs


def test_more_patience_lets_a_stopped_run_go_on():
    epochs, memory = run(EarlyStop(patience=1), [1.0, 2.0])
    assert run(EarlyStop(patience=3), [2.0, 2.0, 2.0], memory=memory, start=epochs)[0] == 4


def test_a_metric_that_is_not_there_is_refused_before_training():
    names = ("train.loss", "val.loss", "val.accuracy")
    EarlyStop().check(names)
    with pytest.raises(ConfigError, match=r"no metric 'val.acuracy'.*did you mean 'val.accuracy'"):
        EarlyStop(monitor="val.acuracy").check(names)
    with pytest.raises(ConfigError, match=r"there are: train.loss, val.accuracy, val.loss"):
        EarlyStop(monitor="zzz").check(names)
    with pytest.raises(ConfigError, match="no validation part"):
        EarlyStop().check(("train.loss",))


def test_a_metric_that_is_not_there_is_refused_at_the_end_of_an_epoch():
    with pytest.raises(ConfigError, match=r"no metric 'val\.accuracy'"):
        run(EarlyStop(monitor="val.accuracy"), [1.0])


def test_a_table_cannot_be_monitored():
    with pytest.raises(ConfigError, match="is a table"):
        run(EarlyStop(monitor="val.table"), [1.0])
