"""The callback `gradient_norms`: true norms before clipping, in a file as safe as the run itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.callbacks._blocks import ends
from bpcli.callbacks.gradient_norms import _norms
from bpcli.errors import BuildError, ConfigError
from bpcli.train import trainer as loop
from tests.train import helpers as h

NET = {
    "type": "sequential",
    "head": "auto",
    "layers": [
        {"type": "dense", "units": 6, "activation": "tanh", "l2": 0.1},
        "batch_norm",
        {"type": "dense", "units": 5, "activation": "tanh"},
    ],
}


def config(callback: Any = "gradient_norms", **changes: Any) -> h.Tree:
    return h.config(**{"model": NET, "callbacks": [callback], **changes})


def lines(run: Path) -> list[h.Tree]:
    return [json.loads(line) for line in (run / "gradients.jsonl").read_text().splitlines()]


def seen_by_clip(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """Filled while a run trains: of each step, every layer's norm as it comes to be clipped."""
    found: list[dict[str, float]] = []
    clip = loop.clip

    def spy(store: Any, options: Any) -> float:
        layers: dict[str, list[Any]] = {}
        for param in store.params:
            if not param.frozen:
                layers.setdefault(".".join(param.path), []).append(store.g[param.slice].astype(np.float64))
        found.append({layer: float(np.linalg.norm(np.concatenate(g))) for layer, g in layers.items()})
        return clip(store, options)

    monkeypatch.setattr(loop, "clip", spy)
    return found


@pytest.mark.parametrize("accumulate", [1, 3])
def test_every_step_has_the_true_norms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accumulate: int
) -> None:
    expected = seen_by_clip(monkeypatch)
    events: list[h.Tree] = []
    tree = config(
        train__accumulate=accumulate,
        train__clip_norm=0.05,
        regularize=[{"type": "l1", "rate": 0.01}],
        train__precision="float64",
    )
    run = h.train(tmp_path, tree, listener=events.append).run
    found = [line for line in lines(run) if "norms" in line]
    assert [line["step"] for line in found] == list(range(1, len(expected) + 1))
    assert len(found) == (21 if accumulate == 1 else 9)
    total = [event["gradient_norm"] for event in events if event["event"] == "step"]
    for line, norms, whole in zip(found, expected, total, strict=True):
        assert set(line["norms"]) == {"dense1", "batch_norm1", "dense2", "head"}
        assert line["norms"] == pytest.approx(norms, rel=1e-12)
        assert sum(v**2 for v in line["norms"].values()) == pytest.approx(whole**2, rel=1e-12)
        assert max(norms.values()) > 0.1, "far above what clipping leaves"


def test_the_epoch_has_the_mean_of_its_steps(tmp_path: Path) -> None:
    events: list[h.Tree] = []
    run = h.train(tmp_path, config(), listener=events.append).run
    epochs = [event for event in events if event["event"] == "epoch"]
    assert len(epochs) == 3
    for event in epochs:
        norms = [line["norms"] for line in lines(run) if "norms" in line and line["epoch"] == event["epoch"]]
        means = {layer: np.mean([n[layer] for n in norms]) for layer in norms[0]}
        assert event["gradient_norms"] == pytest.approx(means, rel=1e-12)
        [line] = [line for line in lines(run) if "means" in line and line["epoch"] == event["epoch"]]
        assert line["means"] == event["gradient_norms"] and line["step"] == event["step"]
        assert list(event["gradient_norms"]) == ["dense1", "batch_norm1", "dense2", "head"]


def test_every_so_many_steps_from_the_first_on(tmp_path: Path) -> None:
    run = h.train(tmp_path, config({"type": "gradient_norms", "every": 4})).run
    every = h.train(tmp_path, config()).run
    assert [line["step"] for line in lines(run) if "norms" in line] == [1, 5, 9, 13, 17, 21]
    known = {line["step"]: line["norms"] for line in lines(every) if "norms" in line}
    assert all(line["norms"] == known[line["step"]] for line in lines(run) if "norms" in line)


def test_an_epoch_without_a_recorded_step_has_no_mean(tmp_path: Path) -> None:
    events: list[h.Tree] = []
    tree = config({"type": "gradient_norms", "every": 10})  # 7 steps an epoch: 1, 11, 21
    h.train(tmp_path, tree | {"train": {"epochs": 5, "threads": 1}}, listener=events.append)
    told = [bool(event["gradient_norms"]) for event in events if event["event"] == "epoch"]
    assert told == [True, True, True, False, True]
    assert events[-1]["gradient_norms"]["last"]["epoch"] == 5


def test_by_epoch_the_mean_is_over_all_steps(tmp_path: Path) -> None:
    run = h.train(tmp_path, config({"type": "gradient_norms", "every": "epoch"})).run
    every = h.train(tmp_path, config()).run
    assert [("norms" in line, line["step"]) for line in lines(run)] == [
        (True, 1), (False, 7), (False, 14), (False, 21),
    ]  # fmt: skip
    assert [line for line in lines(run) if "means" in line] == [
        line for line in lines(every) if "means" in line
    ]


def test_what_is_frozen_has_none(tmp_path: Path) -> None:
    optimizer = {"type": "adam", "groups": [{"match": "dense1", "frozen": True}]}
    run = h.train(tmp_path, config(optimizer=optimizer)).run
    assert set(lines(run)[0]["norms"]) == {"batch_norm1", "dense2", "head"}


def test_tiny_gradients_do_not_vanish_in_the_measurement(tmp_path: Path) -> None:
    """1e-30 squared is nothing in float32."""
    trainer = h.trainer(tmp_path, config())
    trainer.model.store.g[:] = 1e-30
    norms = _norms(trainer, ["dense1", "batch_norm1", "dense2", "head"])
    assert norms["dense1"] == pytest.approx(1e-30 * 36**0.5, rel=1e-5, abs=0)


def test_training_goes_on_as_if_nobody_looked(tmp_path: Path) -> None:
    looked, alone = h.train(tmp_path, config()).run, h.train(tmp_path, config(callbacks=[])).run
    assert (looked / "metrics.jsonl").read_bytes() == (alone / "metrics.jsonl").read_bytes()
    assert not (alone / "gradients.jsonl").exists()


# --- resuming ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [1, 4, "epoch"])
def test_stopped_after_every_step_the_file_has_the_same_bytes(tmp_path: Path, every: Any) -> None:
    tree = config({"type": "gradient_norms", "every": every})
    ends: list[Any] = []
    whole = h.train(tmp_path, tree, listener=lambda e: ends.append(e.get("gradient_norms"))).run
    run = h.stopped_at(1, lambda listener: h.train(tmp_path, tree, listener=listener))
    for step in range(2, 21, 1 if every == 1 else 3):
        h.stopped_at(step, lambda listener: h.resume(run, listener=listener))
    again: list[Any] = []
    h.resume(run, listener=lambda e: again.append(e.get("gradient_norms")))
    assert h.traces(run) == h.traces(whole)
    assert (run / "gradients.jsonl").read_bytes() == (whole / "gradients.jsonl").read_bytes()
    assert again[-1] == ends[-1] and list(again[-1]["last"]["means"]) == list(ends[-1]["last"]["means"])


@pytest.mark.parametrize("rest", ['{"v":1,"epoch":9,"norms":{},"step":99}\n', '{"v":1,"ep'])
def test_lines_that_no_checkpoint_knows_are_dropped(tmp_path: Path, rest: str) -> None:
    """A run that was killed has lines of steps that are done again."""
    whole = h.train(tmp_path, config()).run
    run = h.stopped_at(10, lambda listener: h.train(tmp_path, config(), listener=listener))
    with (run / "gradients.jsonl").open("a") as file:
        file.write(rest)
    h.resume(run)
    assert (run / "gradients.jsonl").read_bytes() == (whole / "gradients.jsonl").read_bytes()


def test_a_run_that_begins_anew_begins_its_file_anew(tmp_path: Path) -> None:
    whole = h.train(tmp_path, config()).run
    run = h.stopped_at(3, lambda listener: h.train(tmp_path, config(), listener=listener))
    for file in (run / "checkpoints").iterdir():
        file.unlink()
    h.resume(run)
    assert (run / "gradients.jsonl").read_bytes() == (whole / "gradients.jsonl").read_bytes()


def test_lines_that_are_gone_are_said(tmp_path: Path) -> None:
    run = h.stopped_at(10, lambda listener: h.train(tmp_path, config(), listener=listener))
    (run / "gradients.jsonl").write_text("")
    notes: list[str] = []
    h.resume(run, listener=lambda event: notes.append(str(event.get("message"))))
    assert any("gradients.jsonl has lost lines" in note for note in notes)


def test_a_resume_may_begin_to_look(tmp_path: Path) -> None:
    run = h.train(tmp_path, config(callbacks=[])).run
    events: list[h.Tree] = []
    h.resume(run, ["train.epochs=4", "callbacks=[gradient_norms]"], listener=events.append)
    assert [line["step"] for line in lines(run) if "norms" in line] == list(range(22, 29))
    assert events[-1]["gradient_norms"]["first"]["step"] == 22


# --- what is compared ----------------------------------------------------------------------------------


def test_the_end_tells_how_far_the_gradient_reaches(tmp_path: Path) -> None:
    events: list[h.Tree] = []
    run = h.train(tmp_path, config(), listener=events.append).run
    told = events[-1]["gradient_norms"]
    first, last = lines(run)[0], lines(run)[-1]
    assert told["compared"] == ["dense1", "dense2"]
    assert told["first"]["norms"] == first["norms"] and told["last"]["means"] == last["means"]
    assert told["first"]["ratio"] == pytest.approx(first["norms"]["dense1"] / first["norms"]["dense2"])
    assert told["last"]["ratio"] == pytest.approx(last["means"]["dense1"] / last["means"]["dense2"])


def test_two_blocks_can_be_named(tmp_path: Path) -> None:
    layers = [
        {"type": "sequential", "name": name, "layers": [{"type": "dense", "units": 4}] * 2} for name in "ab"
    ]
    callback = {"type": "gradient_norms", "compare": ["b", "a.dense1"]}
    events: list[h.Tree] = []
    h.train(tmp_path, config(callback, model={**NET, "layers": layers}), listener=events.append)
    told = events[-1]["gradient_norms"]
    norms = told["first"]["norms"]
    assert told["compared"] == ["b", "a.dense1"]
    above = np.hypot(norms["b.dense1"], norms["b.dense2"])
    assert told["first"]["ratio"] == pytest.approx(above / norms["a.dense1"])


@pytest.mark.parametrize(
    ("layers", "types", "expected"),
    [
        (["dense1"], {}, None),
        (["dense1", "head"], {"dense1": "dense", "head": "dense"}, ("dense1", "head")),
        (["d1", "d2", "d3", "head"], dict.fromkeys(["d1", "d2", "d3", "head"], "dense"), ("d1", "d3")),
        (
            ["stem", "a.dense1", "a.dense2", "b.dense1", "c.dense1", "head"],
            {"stem": "dense", "a": "residual", "b": "residual", "c": "residual", "head": "dense"},
            ("a", "c"),
        ),
        (
            ["d1", "n1", "d2", "n2", "head"],
            {"d1": "dense", "n1": "batch_norm", "d2": "dense", "n2": "batch_norm", "head": "dense"},
            ("d1", "d2"),
        ),
        (["e", "r", "head"], {"e": "embedding", "r": "lstm", "head": "dense"}, ("e", "r")),
        (["net.d1", "net.d2", "net.d3"], {"net.d1": "x", "net.d2": "x", "net.d3": "y"}, ("net.d1", "net.d2")),
        ([], {}, None),
    ],
)
def test_which_blocks_are_compared(
    layers: list[str], types: dict[str, str], expected: tuple[str, str] | None
) -> None:
    assert ends(layers, types) == expected


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ([{"type": "gradient_norms", "compare": ["dens1", "dense2"]}], "did you mean 'dense1'"),
        ([{"type": "gradient_norms", "compare": ["dense1"]}], "compare"),
        ([{"type": "gradient_norms", "every": 0}], "every"),
        (["gradient_norms", {"type": "gradient_norms", "every": 2}], "there is a gradient_norms already"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, callbacks: list[Any], message: str) -> None:
    with pytest.raises((ConfigError, BuildError), match=message) as caught:
        h.trainer(tmp_path, config(callbacks=callbacks))
    assert "callbacks[" in str(caught.value) and "config.yaml:" in str(caught.value)
