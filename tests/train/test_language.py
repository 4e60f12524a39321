"""Language models: from a text to text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpcli
from bpcli.core.backend import backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.data.records import Batch
from bpcli.errors import BpcliError, UsageError
from bpcli.losses.cross_entropy import CrossEntropy
from bpcli.metrics._prediction import Prediction
from bpcli.spec.load import load_mapping
from bpcli.train.generate import Writer
from bpcli.train.gradients import gradcheck
from bpcli.train.session import prepared_trainer

TEXT = "aabbc" * 150


def config(folder: Path, **changes: Any) -> dict[str, Any]:
    (folder / "t.txt").write_text(TEXT)
    made: dict[str, Any] = {
        "version": 1,
        "name": "abc",
        "data": {"source": {"type": "text", "path": str(folder / "t.txt"), "steps": 12}, "batch_size": 8},
        "model": {
            "type": "sequential",
            "head": "auto",
            "layers": [
                {"type": "embedding", "units": 4},
                {"type": "lstm", "units": 12, "return_sequences": True},
            ],
        },
        "optimizer": {"type": "adam", "lr": 0.02},
        "train": {"epochs": 12},
    }
    return made | changes


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("language")
    return bpcli.train(config(folder), runs_dir=folder / "runs").run


def test_it_learns_the_text_and_writes_it(run: Path) -> None:
    saved = bpcli.load(run)
    assert saved.evaluate("test")["metrics"]["accuracy"] > 0.9
    written = "".join(Writer(saved).write("caa", length=9, temperature=0))
    assert written == "bbcaabbca"


def test_the_same_seed_writes_the_same(run: Path) -> None:
    writer = Writer(bpcli.load(run))

    def text(**options: Any) -> str:
        return "".join(writer.write("ab", length=60, **options))

    assert text(seed=1, temperature=2.0) == text(seed=1, temperature=2.0)
    assert text(seed=1, temperature=2.0) != text(seed=2, temperature=2.0)
    assert text(seed=1, top_k=1) == text(temperature=0)
    assert set(text(seed=3, temperature=50.0)) <= set("abc")  # never a symbol that is none


def test_step_by_step_is_the_whole_at_once(run: Path) -> None:
    """What is kept of the prefix gives the chances that the prefix itself would give."""
    saved = bpcli.load(run)
    writer = Writer(saved)
    assert writer._by_pieces
    known = [writer._place[symbol] for symbol in "abcab"]
    told: list[Any] = []
    for logits in writer._steps(known, 6):
        told.append(logits)
        known.append(int(np.argmax(logits)))
    whole = saved.model.outputs(np.array([known[:-1]], np.int32), saved.model.workspace())[0, 4:]
    chances = saved.model.loss.predict(whole.astype(np.float64), np)
    np.testing.assert_allclose(np.exp(told)[:, 2:], chances[:, 2:], rtol=1e-4)


def test_an_unknown_symbol_is_named_and_a_run_of_another_kind_refused(run: Path, tmp_path: Path) -> None:
    writer = Writer(bpcli.load(run))
    assert writer.unknown("aXbXY") == ["X", "Y"]
    assert len(list(writer.write("aX", length=3))) == 3
    other = bpcli.train(
        {
            "version": 1,
            "name": "iris",
            "data": {"source": {"type": "csv", "path": "datasets/iris.csv", "target": "species"}},
            "model": {"type": "mlp", "hidden": [4]},
            "train": {"epochs": 1},
        },
        runs_dir=tmp_path,
    )
    with pytest.raises(UsageError, match="no language model"):
        Writer(bpcli.load(other.run))


def test_gradients_through_time_are_exact(tmp_path: Path) -> None:
    report = gradcheck(load_mapping(config(tmp_path), folder=tmp_path))
    assert report["passed"] and report["max_relative_error"] < 1e-12
    assert report["inputs"] is None  # symbols are names


def test_symbols_need_an_embedding(tmp_path: Path) -> None:
    made = config(tmp_path)
    made["model"]["layers"] = made["model"]["layers"][1:]
    with pytest.raises(BpcliError, match="units: 32} before it"):
        prepared_trainer(load_mapping(made, folder=tmp_path))


def test_places_without_a_target_count_for_nothing() -> None:
    """The loss of padded rows is that of their places one by one; -1 counts in no sum."""
    rng = np.random.default_rng(0)
    loss, ctx = CrossEntropy.model_validate({}), Ctx(Pass(backend()))
    y, t = rng.normal(size=(3, 4, 5)), rng.integers(0, 5, (3, 4))
    t[0, 2:], t[2, :] = -1, -1
    weight = np.array([1.0, 2.0, 3.0])
    for row_weight in (None, weight):
        batch = Batch(y, t, row_weight)
        norm = loss.weight(batch)
        value, dy = loss(y, batch, norm, ctx)
        dy = dy.copy()
        known = t >= 0
        each = None if row_weight is None else np.repeat(row_weight, 4).reshape(3, 4)[known]
        flat = Batch(y[known], t[known], each)
        assert norm == loss.weight(flat)
        other, dflat = loss(y[known], flat, norm, ctx)
        assert value == pytest.approx(other, rel=1e-13)
        np.testing.assert_allclose(dy[known], dflat, rtol=1e-13)
        assert not dy[~known].any()
    prediction = Prediction(y, t, loss)
    assert len(prediction) == known.sum() and prediction.owner is not None
    assert prediction.owner.tolist() == [0, 0, 1, 1, 1, 1]


def test_streams_through_a_stateful_net(tmp_path: Path) -> None:
    """A net that carries its state on, row by row, from batch to batch; a resume goes on with it."""
    made = config(tmp_path)
    made["data"] |= {"shuffle": "streams", "batch_size": 4}
    made["model"]["layers"][1]["stateful"] = 4
    made["train"] = {"epochs": 3}
    outcome = bpcli.train(made, runs_dir=tmp_path / "runs")
    assert outcome.metrics["train"]["accuracy"] > 0.5


@pytest.mark.parametrize("positions", [{"positions": "learnt", "steps": 12}, {"positions": "sinusoidal"}])
def test_a_net_that_counts_steps_writes_more_than_it_has_seen(
    tmp_path: Path, positions: dict[str, Any]
) -> None:
    """It begins anew with the last steps, and what it writes there is what a new prompt would give."""
    net = {"type": "transformer", "symbols": "auto", "units": 8, "heads": 2, "blocks": 1, "causal": True}
    made = config(tmp_path, model={**net, "return_sequences": True, **positions}, train={"epochs": 3})
    writer = Writer(bpcli.load(bpcli.train(made, runs_dir=tmp_path / "runs").run))
    prompt = "aabbcaabbcaabbcaabbc"
    written = "".join(writer.write(prompt, length=30, temperature=0))
    assert len(written) == 30
    again = "".join(writer.write(prompt[-6:], length=6, temperature=0))
    assert written.startswith(again)


def test_rows_are_predicted_and_shown_as_symbols(run: Path, tmp_path: Path) -> None:
    from bpcli.train.preview import preview

    (tmp_path / "more.txt").write_text("aabbc" * 8)
    told = list(bpcli.load(run).predict(tmp_path / "more.txt"))
    assert len(told) == 3 and "".join(told[0]["prediction"][4:]) == ("aabbc" * 8)[5:13]
    made = config(tmp_path)
    made["data"]["shuffle"] = False
    shown = preview(load_mapping(made, folder=tmp_path), 1)
    assert (shown.texts, shown.labels) == ([TEXT[:12]], [TEXT[1:13]])


@pytest.mark.parametrize(
    ("data", "said"),
    [({"shuffle": "streams"}, "4 streams, and a batch has 8"), ({}, "set data.shuffle: streams")],
)
def test_a_stateful_net_needs_its_streams(tmp_path: Path, data: dict[str, Any], said: str) -> None:
    made = config(tmp_path)
    made["data"] |= data
    made["model"]["layers"][1]["stateful"] = 4
    with pytest.raises(BpcliError, match=said):
        prepared_trainer(load_mapping(made, folder=tmp_path))


def test_the_gradients_of_a_run_are_checked_with_its_vocabulary(run: Path) -> None:
    saved = bpcli.load(run)
    report = gradcheck(saved.loaded, saved=saved)
    assert report["passed"] and report["max_relative_error"] < 1e-12
