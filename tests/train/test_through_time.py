"""`gradient_norms` with `through_time`: the true norms of each step of the sequences, at no other cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.callbacks._through_time import Squares, add, means
from bpcli.data.records import Batch
from bpcli.errors import ConfigError
from bpcli.train.trainer import Trainer
from tests.train import helpers as h
from tests.train.test_gradient_norms import lines

LOOK = {"type": "gradient_norms", "through_time": True}
STEPS = 6


def config(*layers: Any, look: Any = LOOK, **changes: Any) -> h.Tree:
    """80 sequences: 64 to train, which are 8 batches."""
    source = {"type": "adding_problem", "rows": 80, "steps": STEPS}
    return {
        "version": 1,
        "name": "time",
        "seed": 1,
        "data": {"source": source, "batch_size": 8},
        "model": {"type": "sequential", "head": "auto", "layers": list(layers or (LSTM,))},
        "loss": "mse",
        "optimizer": {"type": "adam", "lr": 0.01},
        "train": {"epochs": 3, "threads": 1, "precision": "float64"},
        "callbacks": [look] if look else [],
        **changes,
    }


LSTM = {"type": "lstm", "units": 4}


def seen(trainer: Trainer) -> dict[str, list[float]]:
    """The norms of one pass over the first eight rows."""
    squares = trainer.ctx.shared.through_time = Squares()
    rows = slice(0, 8)
    part = trainer.data.train
    assert part.y is not None
    trainer.experiment.method.gradient(trainer.model, Batch(part.x[rows], part.y[rows]), 8, trainer.ctx)
    return squares.norms(list(squares.found))


# --- they are true -------------------------------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    "cell",
    [
        {"type": "simple_rnn", "units": 12},
        {"type": "lstm", "units": 3},
        {"type": "lstm", "units": 3, "peepholes": True},
        {"type": "gru", "units": 4},
        {"type": "gru", "units": 4, "reset": "before"},
    ],
    ids=lambda cell: "-".join(map(str, list(cell.values()))),
)
def test_each_step_has_its_true_norm(tmp_path: Path, cell: dict[str, Any], reverse: bool) -> None:
    """With W = I the input is what the gates get, so its gradient, by central differences, is theirs."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(40, STEPS, 12)), rng.normal(size=40)
    np.savez(tmp_path / "x.npz", x=x, y=y)
    tree = config({**cell, "reverse": reverse})
    tree["data"]["source"] = {"type": "npz", "path": "x.npz"}
    trainer = h.trainer(tmp_path, tree)
    model, name = trainer.model, f"{cell['type']}1"
    model.p[name].W[...] = np.eye(12)
    found = seen(trainer)
    part = trainer.data.train
    assert part.y is not None
    x, y = part.x[:8], part.y[:8]

    def loss(x: Any) -> float:
        return float(np.sum((model.outputs(x, model.workspace()) - y) ** 2) / 8)

    dx = np.empty_like(x)
    for place in np.ndindex(*x.shape):
        values = []
        for change in (1e-4, -1e-4):
            moved = x.copy()
            moved[place] += change
            values.append(loss(moved))
        dx[place] = (values[0] - values[1]) / 2e-4
    expected = np.sqrt((dx**2).sum(axis=(0, 2)))
    assert list(found) == [name]
    assert found[name] == pytest.approx(expected.tolist(), rel=1e-6)


def test_micro_batches_add_up(tmp_path: Path) -> None:
    whole = lines(h.train(tmp_path, config()).run)
    tree = config()
    tree["data"]["batch_size"], tree["train"]["accumulate"] = 2, 4
    parts = lines(h.train(tmp_path, tree).run)
    assert len(whole) == len(parts) == 3 * 8 + 3
    for one, other in zip(whole, parts, strict=True):
        assert one["through_time"]["lstm1"] == pytest.approx(other["through_time"]["lstm1"], rel=1e-9)


def test_layers_have_the_names_that_a_summary_gives_them(tmp_path: Path) -> None:
    inner = {"type": "simple_rnn", "units": 2, "return_sequences": True}
    both = {"type": "bidirectional", "layer": {"type": "gru", "units": 2, "return_sequences": True}}
    tree = config(
        {"type": "residual", "layers": [inner], "name": "skip"},
        both,
        {"type": "reshape", "shape": [STEPS, 2, 2]},
        {"type": "time_distributed", "layer": {"type": "lstm", "units": 3}},
        {"type": "lstm", "units": 2, "name": "last"},
    )
    trainer = h.trainer(tmp_path, tree)
    found = seen(trainer)
    names = [
        "skip.simple_rnn1", "bidirectional1.forward", "bidirectional1.backward", "time_distributed1.lstm1",
        "last",
    ]  # fmt: skip
    assert set(found) == set(names) and [name for name in trainer.trained_layers if name in found] == names
    assert {len(values) for name, values in found.items() if "time" not in name} == {STEPS}
    assert len(found["time_distributed1.lstm1"]) == 2


def test_steps_that_a_mask_leaves_out_have_none(tmp_path: Path) -> None:
    tree = config({"type": "masking", "mask_value": 0.0}, LSTM)
    trainer = h.trainer(tmp_path, tree)
    trainer.data.train.x[:, 4:] = 0
    norms = seen(trainer)["lstm1"]
    assert norms[4:] == [0, 0] and min(norms[:4]) > 0


def test_tiny_gradients_do_not_vanish_in_the_measurement() -> None:
    squares = Squares()
    squares(("net", "rnn"), np.full((2, 4, 9), 1e-30, dtype=np.float32))
    assert squares.norms(["rnn"])["rnn"] == pytest.approx([6e-30] * 2, rel=1e-5, abs=0)


def test_means_of_sequences_of_several_lengths() -> None:
    sums: Any = {}
    for values in ([1.0, 2.0], [3.0], [5.0, 6.0, 7.0]):
        add(sums, {"a": values})
    assert means(sums, ["a", "b"]) == {"a": [3.0, 4.0, 7.0]}


# --- what is told --------------------------------------------------------------------------------------


def test_lines_events_and_the_end(tmp_path: Path) -> None:
    events: list[h.Tree] = []
    run = h.train(tmp_path, config(), listener=events.append).run
    found = lines(run)
    for event in (event for event in events if event["event"] == "epoch"):
        own = [line for line in found if line["epoch"] == event["epoch"]]
        steps = np.array([line["through_time"]["lstm1"] for line in own if "norms" in line])
        assert steps.shape == (8, STEPS)
        told = event["gradient_norms_through_time"]
        assert told == own[-1]["through_time"]
        assert told["lstm1"] == pytest.approx(steps.mean(axis=0).tolist(), rel=1e-12)
    end = events[-1]["gradient_norms"]
    assert end["first"]["through_time"] == found[0]["through_time"]
    assert end["last"]["through_time"] == found[-1]["through_time"]


def test_only_where_steps_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    look = Squares.__call__
    monkeypatch.setattr(Squares, "__call__", lambda *given: looks.append(1) or look(*given))
    some = lines(h.train(tmp_path, config(look={**LOOK, "every": 5})).run)
    assert len(looks) == 5, "the other 19 updates cost nothing"
    every = {line["step"]: line for line in lines(h.train(tmp_path, config()).run) if "norms" in line}
    recorded = [line for line in some if "norms" in line]
    assert [line["step"] for line in recorded] == [1, 6, 11, 16, 21]
    assert all(line == every[line["step"]] for line in recorded)


def test_training_goes_on_as_if_nobody_looked(tmp_path: Path) -> None:
    looked = h.train(tmp_path, config()).run
    plain = h.train(tmp_path, config(look="gradient_norms")).run
    alone = h.train(tmp_path, config(look=None)).run
    assert len({(run / "metrics.jsonl").read_bytes() for run in (looked, plain, alone)}) == 1
    kept = [{key: value for key, value in line.items() if key != "through_time"} for line in lines(looked)]
    assert kept == lines(plain)


def test_a_frozen_layer_has_none(tmp_path: Path) -> None:
    tree = config({**LSTM, "return_sequences": True}, LSTM)
    tree["optimizer"]["groups"] = [{"match": "lstm1", "frozen": True}]
    assert set(lines(h.train(tmp_path, tree).run)[0]["through_time"]) == {"lstm2"}


@pytest.mark.parametrize("every", [1, 5, "epoch"])
def test_stopped_and_resumed_the_file_has_the_same_bytes(tmp_path: Path, every: Any) -> None:
    tree = config({**LSTM, "return_sequences": True}, LSTM, look={**LOOK, "every": every})
    ends: list[Any] = []
    whole = h.train(tmp_path, tree, listener=lambda e: ends.append(e.get("gradient_norms"))).run
    run = h.stopped_at(3, lambda listener: h.train(tmp_path, tree, listener=listener))
    for step in (4, 9, 16, 21):
        h.stopped_at(step, lambda listener: h.resume(run, listener=listener))
    again: list[Any] = []
    h.resume(run, listener=lambda e: again.append(e.get("gradient_norms")))
    assert h.traces(run) == h.traces(whole)
    assert (run / "gradients.jsonl").read_bytes() == (whole / "gradients.jsonl").read_bytes()
    assert again[-1] == ends[-1]
    assert list(again[-1]["last"]["through_time"]) == ["lstm1", "lstm2"]


@pytest.mark.parametrize(("before", "after"), [(LOOK, "gradient_norms"), ("gradient_norms", LOOK)])
def test_a_resume_may_look_otherwise(tmp_path: Path, before: Any, after: Any) -> None:
    run = h.train(tmp_path, config(look=before)).run
    told = "gradient_norms" if isinstance(after, str) else "{type: gradient_norms, through_time: true}"
    events: list[h.Tree] = []
    h.resume(run, ["train.epochs=4", f"callbacks=[{told}]"], listener=events.append)
    later = [line for line in lines(run) if line["epoch"] == 4]
    assert len(later) == 9 and all(("through_time" in line) == (after == LOOK) for line in later)
    assert ("through_time" in events[-1]["gradient_norms"]["last"]) == (after == LOOK)


def test_a_net_without_recurrent_layers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="through_time looks at recurrent layers, and none is trained"
    ) as caught:
        h.trainer(tmp_path, config("flatten"))
    assert "callbacks[0]" in str(caught.value) and "config.yaml:" in str(caught.value)
