"""A run whose numbers stop being finite ends at once, says where, and leaves finite checkpoints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.errors import Diverged
from bpcli.losses.base import Loss
from bpcli.runs import checkpoint
from tests.train import helpers as h

NORMED = {"type": "mlp", "hidden": [6], "norm": "batch_norm", "activation": "relu"}


def diverge(folder: Path, tree: h.Tree) -> tuple[Diverged, Path, list[h.Tree]]:
    events: list[h.Tree] = []
    with pytest.raises(Diverged) as caught:
        h.train(folder, tree, listener=events.append)
    return caught.value, Path(events[0]["run"]), events


def all_finite(run: Path) -> int:
    """How many checkpoints there are, all of which hold finite numbers only."""
    files = sorted((run / "checkpoints").glob("*.safetensors"))
    for file in files:
        arrays, _ = checkpoint.read(file)
        for name, array in arrays.items():
            assert np.isfinite(array).all(), f"{file.name} holds {name} that is not finite"
    return len(files)


@pytest.mark.parametrize(
    "model", [{"type": "mlp", "hidden": [6], "activation": "relu"}, NORMED], ids=["plain", "normed"]
)
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", "adagrad"])
@pytest.mark.parametrize("lr", [1e10, 1e20, 1e30])
def test_a_rate_beyond_reason(tmp_path: Path, model: Any, optimizer: str, lr: float) -> None:
    """Either it diverges within the run and says so, or every checkpoint it leaves is finite all the same."""
    tree = h.config(
        model=model, optimizer={"type": optimizer, "lr": lr}, train__epochs=3, checkpoint={"every": "1ms"}
    )
    events: list[h.Tree] = []
    try:
        h.train(tmp_path, tree, listener=events.append)
    except Diverged as error:
        assert error.exit_code == 3
        assert json.loads((Path(events[0]["run"]) / "run.json").read_text())["status"] == "diverged"
        assert events[-1]["status"] == "diverged"
    else:
        assert lr < 1e30, "no float32 net survives this"
    all_finite(Path(events[0]["run"]))


def test_the_error_names_the_step_the_epoch_and_what_is_not_finite(tmp_path: Path) -> None:
    good = h.config(train__epochs=2, train__threads=1)
    run = h.train(tmp_path, good).run
    before = h.traces(run)
    events: list[h.Tree] = []
    with pytest.raises(Diverged) as caught:
        h.resume(run, ["train.epochs=9", "optimizer.lr=1e38"], listener=events.append)
    text = str(caught.value)
    assert re.search(r"diverged at step 1[5-9], in epoch 3: gradient of dense1.W has \d+ values", text)
    assert "lower optimizer.lr" in text
    assert all_finite(run) >= 2
    assert h.traces(run) == before, "the checkpoints before it are as they were"
    assert [event["event"] for event in events][-2:] == ["error", "end"]
    assert events[-2]["exit"] == 3


def poison(monkeypatch: pytest.MonkeyPatch, at: int, change: Any) -> None:
    """After `at` calls of a loss, its value or gradient is not finite."""
    right, calls = Loss.__call__, [0]

    def wrong(self: Any, y: Any, batch: Any, norm: float, ctx: Any) -> Any:
        value, dy = right(self, y, batch, norm, ctx)
        if ctx.training:
            calls[0] += 1
        return change(value, dy) if calls[0] == at and ctx.training else (value, dy)

    monkeypatch.setattr(Loss, "__call__", wrong)


def bad_gradient(value: Any, dy: Any) -> Any:
    dy[0, 0] = np.nan
    return value, dy


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (bad_gradient, "gradient of dense1.W"),
        (lambda value, dy: (float("nan"), dy), "the training loss is nan"),
        (lambda value, dy: (float("inf"), dy), "the training loss is inf"),
    ],
    ids=["gradient", "nan", "infinity"],
)
def test_it_stops_at_the_very_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any, said: str
) -> None:
    """The step is not taken: the weights are those of the step before."""
    with monkeypatch.context() as patch:
        states = h.states_of_every_step(patch)
        h.train(tmp_path, h.config(checkpoint={"every": 1e-9}))
    poison(monkeypatch, 10, change)
    error, run, events = diverge(tmp_path, h.config(checkpoint={"every": 1e-9}))
    assert "at step 10, in epoch 2" in str(error)
    assert said in str(error)
    assert (run / "checkpoints" / "last.safetensors").read_bytes() == states[9, 2]
    assert max(event.get("step", 0) for event in events) == 9


def test_a_gradient_whose_norm_overflows_is_told_as_that(tmp_path: Path) -> None:
    """Every value is finite, and their squares are not."""
    h.write_data(tmp_path, target="values")
    tree = h.config(
        loss="mse",
        metrics=["rmse"],
        model={"type": "mlp", "hidden": []},
        optimizer={"type": "sgd", "lr": 1e-30},
        regularize=[{"type": "l2", "rate": 1e25}],
    )
    error, run, _ = diverge(tmp_path, tree)
    assert "so large that its norm overflows" in str(error)
    assert all_finite(run) == 0


def test_running_statistics_that_overflow_are_not_saved(tmp_path: Path) -> None:
    """The batch's variance overflows, so the output of batch_norm is 0, and the loss as finite as any."""
    head, *rows = h.write_data(tmp_path).read_text().splitlines()
    (tmp_path / "data.csv").write_text("\n".join([head, *(row.replace(",", "e24,", 5) for row in rows)]))
    error, run, _ = diverge(tmp_path, h.config(model=NORMED, data__preprocess=[]))
    assert "step 7, in epoch 1: state batch_norm1.running_var has 6 values that are" in str(error)
    assert "nan" not in str(error)
    assert all_finite(run) == 0
