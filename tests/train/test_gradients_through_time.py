"""The configs of docs/gradients-through-time.md: how far back the gradient reaches, and what clipping does.

The errors that the pair comes to are tested in tests/full/test_sequences.py.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from bpcli.errors import Diverged
from bpcli.spec.load import load
from bpcli.train import session
from tests.train import helpers as h
from tests.train.test_gradient_norms import lines

#: Enough for some steps: the first of them is what counts.
FEW = ["data.source.rows=1000", "train.epochs=1"]


def at_first(tmp_path: Path, name: str, seed: int) -> float:
    """The gradient's norm at the sequence's first step over that at its last, in the first update."""
    run = session.train(load(name, [*FEW, f"seed={seed}"]), runs_dir=tmp_path / "runs").run
    first = lines(run)[0]
    [norms] = first["through_time"].values()
    assert first["step"] == 1 and len(norms) == 100
    return norms[0] / norms[-1]


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_it_vanishes_in_the_simple_net_and_reaches_the_beginning_in_the_lstm(
    tmp_path: Path, seed: int
) -> None:
    assert at_first(tmp_path, "adding-problem-rnn", seed) < 1e-3
    assert at_first(tmp_path, "adding-problem-lstm", seed) > 3e-3


def test_the_layer_is_all_that_differs() -> None:
    lstm, simple = (
        load(name).experiment.model_dump() for name in ("adding-problem-lstm", "adding-problem-rnn")
    )
    assert [key for key in lstm if lstm[key] != simple[key]] == ["name", "model"]
    [one], [other] = lstm["model"].pop("layers"), simple["model"].pop("layers")
    assert lstm["model"] == simple["model"] and one["units"] == other["units"] == 16


# --- clipping ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_without_clipping_it_diverges(tmp_path: Path, seed: int) -> None:
    """At the second step, with a gradient that grows on its way back by a factor that stays the same."""
    events: list[h.Tree] = []
    loaded = load("adding-problem-clipped", ["train.clip_global_norm=null", f"seed={seed}"])
    with pytest.raises(
        Diverged, match=r"training diverged at step 2, in epoch 1: .*clip_global_norm"
    ) as caught:
        session.train(loaded, runs_dir=tmp_path / "runs", listener=events.append)
    assert caught.value.exit_code == 3
    run = Path(events[0]["run"])
    assert json.loads((run / "run.json").read_text())["status"] == "diverged"
    first, second = (line["through_time"]["simple_rnn1"] for line in lines(run))
    assert 0.2 < first[0] / first[-1] < 5, "what the identity passes on stays as it is"
    if seed == 1:  # with the others it is beyond all numbers at once
        factors = [earlier / later for earlier, later in pairwise(second)]
        assert factors[1:-1] == pytest.approx([2.1] * 27, rel=0.1)


def test_with_clipping_it_learns(tmp_path: Path) -> None:
    found = session.train(load("adding-problem-clipped"), runs_dir=tmp_path / "runs")
    assert found.status == "completed"
    assert found.metrics["test"]["loss"] < 0.03 < 0.16 < found.baseline["test"]["loss"]
