"""Text at full size: Shakespeare's plays against counts of characters, sums written by a net."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

import bpcli
from bpcli.spec.load import load
from bpcli.train import session
from tests.full.helpers import data, full

pytestmark = full

#: Nats a character in the last tenth of the plays, told by the frequency of 0, 1, 2 and 3 characters before.
UNIGRAM, BIGRAM, TRIGRAM, FOURGRAM = 3.347, 2.482, 2.046, 1.782


def test_an_lstm_passes_the_counts_one_after_the_other(tmp_path: Path) -> None:
    """Over the first epoch every batch is new to the net, so its loss is that of text it has not seen."""
    losses: list[float] = []
    sums = [0.0]

    def listen(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["epoch"] == 1:
            sums.append(event["loss"] * event["batch"])
            losses.append(sums[-1] - sums[-2])

    text = data("tinyshakespeare/input.txt")
    start = perf_counter()
    outcome = session.train(
        load("shakespeare-lstm", [f"vars.text={text}"]), runs_dir=tmp_path, listener=listen
    )
    seconds = perf_counter() - start
    passed = [next(step for step, loss in enumerate(losses, 1) if loss < level)
              for level in (UNIGRAM, BIGRAM, TRIGRAM)]  # fmt: skip
    reached = outcome.metrics["val"]["loss"]
    print(
        f"steps at which uni-, bi-, trigrams are passed: {passed}; validation {reached:.4f}, {seconds:.0f} s"
    )
    assert passed == sorted(set(passed))
    assert reached < FOURGRAM - 0.002
    assert seconds < 600


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sums_of_two_digits(tmp_path: Path, seed: int) -> None:
    start = perf_counter()
    outcome = session.train(load("addition", [f"seed={seed}"]), runs_dir=tmp_path)
    found = bpcli.load(outcome.run).evaluate("test")["decoded"]
    print(f"seed {seed}: {found}, {perf_counter() - start:.0f} s")
    assert found["token_accuracy"] >= 0.99
    assert found["exact_match"] >= 0.97
    assert perf_counter() - start < 600
