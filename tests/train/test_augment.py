"""Augmentation in training: the same bits whatever the threads, the batch, or an interruption."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.errors import ConfigError
from bpcli.spec.load import Loaded, load
from bpcli.train import feed, session

from .helpers import resume, stopped_at, traces

TREE: dict[str, Any] = {
    "version": 1,
    "name": "small",
    "seed": 3,
    "data": {
        "source": {"type": "npz", "path": "images.npz"},
        "split": {"type": "random", "train": 0.6, "val": 0.2, "test": 0.2},
        "preprocess": [{"type": "standardize", "per": "channel"}],
        "augment": [
            "flip",
            {"type": "affine", "p": 0.8},
            {"type": "elastic", "alpha": 5.0, "sigma": 1.5},
            {"type": "mixup", "alpha": 0.5},
            "cutout",
        ],
        "batch_size": 8,
    },
    "model": {"type": "mlp", "hidden": [6], "activation": "tanh"},
    "loss": "cross_entropy",
    "optimizer": {"type": "adam", "lr": 0.01},
    "train": {"epochs": 3, "threads": 2},
    "metrics": ["accuracy", "f1_macro"],
}


def loaded(folder: Path, **changes: Any) -> Loaded:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 80)
    x = rng.normal(size=(80, 6, 5, 2)) + y[:, None, None, None] * [0.5, -1.0]
    np.savez(folder / "images.npz", x=x.astype(np.float32), y=y)
    tree = json.loads(json.dumps(TREE))
    for path, value in changes.items():
        section, key = path.split("__")
        tree[section][key] = value
    (folder / "config.yaml").write_text(json.dumps(tree))
    return load(folder / "config.yaml")


def train(folder: Path, *, listener: Any = lambda event: None, **changes: Any) -> session.Outcome:
    return session.train(loaded(folder, **changes), runs_dir=folder / "runs", listener=listener)


def left_over() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "prefetch" in thread.name]


def test_it_trains_and_leaves_the_other_parts_alone(tmp_path: Path) -> None:
    done = train(tmp_path)
    plain = train(tmp_path, data__augment=[])
    assert done.metrics["train"] != plain.metrics["train"]
    assert done.baseline == plain.baseline
    trainer = session.prepared_trainer(loaded(tmp_path))
    other = session.prepared_trainer(loaded(tmp_path, data__augment=[]))
    for name in ("train", "val", "test"):
        assert np.array_equal(getattr(trainer.data, name).x, getattr(other.data, name).x)
    assert left_over() == []


def test_one_thread_and_two_give_the_same_bits(tmp_path: Path) -> None:
    """With two, the batches are made ahead on a thread of their own."""
    one, two = (train(tmp_path, train__threads=threads) for threads in (1, 2))
    assert traces(one.run) == traces(two.run)


def test_batches_are_made_ahead_only_where_there_is_something_to_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    start = threading.Thread.start

    def spy(self: threading.Thread) -> None:
        started.append(self.name)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", spy)
    for changes, expected in (({}, 3), ({"train__threads": 1}, 0), ({"data__augment": []}, 0)):
        started.clear()
        train(tmp_path, **changes)
        assert started.count("bpcli-prefetch") == expected, changes


@pytest.mark.parametrize("step", [1, 6, 9])
def test_a_resumed_run_is_the_same_to_the_bit(tmp_path: Path, step: int) -> None:
    whole = train(tmp_path)
    run = stopped_at(step, lambda listener: train(tmp_path, listener=listener))
    assert left_over() == [], "the thread ends with the loop"
    again = resume(run)
    assert traces(again.run) == traces(whole.run)


def test_accumulation_takes_several_batches_at_once(tmp_path: Path) -> None:
    """Three batches of 8 in a window are one of 24: the samples are the same, and all still valid."""
    small = train(tmp_path, data__batch_size=8, train__accumulate=3)
    large = train(tmp_path, data__batch_size=24)
    a, b = (
        json.loads((one.run / "metrics.jsonl").read_text().splitlines()[-1])["train"]["loss"]
        for one in (small, large)
    )
    assert a == pytest.approx(b, rel=1e-5)


def test_an_error_while_augmenting_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bpcli.data.augmented import Augmenter

    make = Augmenter.batch

    def fail(self: Augmenter, rows: Any, epoch: int) -> Any:
        if epoch == 1:
            raise FloatingPointError("while augmenting")
        return make(self, rows, epoch)

    monkeypatch.setattr(Augmenter, "batch", fail)
    with pytest.raises(FloatingPointError, match="while augmenting"):
        train(tmp_path)
    assert left_over() == []


def test_an_early_stop_ends_the_thread(tmp_path: Path) -> None:
    train(tmp_path, train__max_time="1ms")
    assert left_over() == []


def test_a_misfit_is_placed_in_the_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "table.npz", x=np.random.default_rng(0).normal(size=(30, 4)), y=np.arange(30) % 3)
    with pytest.raises(ConfigError, match="flip changes images, and the input is 4") as caught:
        train(tmp_path, data__source={"type": "npz", "path": "table.npz"})
    (problem,) = caught.value.problems
    assert problem.path == "data.augment[0]"
    assert problem.line is not None
    with pytest.raises(ConfigError, match="mixup needs a loss that takes shares of classes"):
        session.train(
            load(
                tmp_path / "config.yaml",
                ["data.source.path=images.npz", "data.task=classification", "loss=mse"],
            ),
            runs_dir=tmp_path / "runs",
        )


def test_the_feed_is_what_the_net_sees(tmp_path: Path) -> None:
    trainer = session.prepared_trainer(loaded(tmp_path))
    first = next(trainer.feed.batches(0, 0))
    assert isinstance(trainer.feed, feed.Feed)
    assert first.x.shape == (8, 6, 5, 2)
    assert first.y.shape == (8, 3)
    assert first.x.dtype == np.float32
