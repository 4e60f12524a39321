"""The clock of the benchmarks: what it counts, when it waits, when it stops."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

import pytest

from benchmarks.job import CHECKED
from benchmarks.turns import Done, Turns


def run(commands: Iterable[Any], steps: int = 1) -> tuple[list[Any], int]:
    """(what the worker says, how many calls it made) for a trainer whose k-th step has loss k."""
    out, made = io.StringIO(), 0
    turns = Turns(out, io.StringIO("".join(json.dumps(command) + "\n" for command in commands)))
    with pytest.raises(Done):
        while True:
            made += 1
            turns(lambda made=made: float(made), steps)
    return [json.loads(line) for line in out.getvalue().splitlines()], made


def test_the_first_steps_give_their_losses_and_are_not_timed() -> None:
    said, made = run([None])
    assert said == [{"losses": [float(k + 1) for k in range(CHECKED)]}]
    assert made == CHECKED


def test_a_turn_is_reported_in_blocks_without_its_first() -> None:
    said, made = run([{"seconds": 0.0, "block": 5}, None])
    assert made == CHECKED + 5
    turn = said[1]
    assert turn["steps"] == 5
    assert len(turn["times"]) == 1  # the only block there is counts
    assert turn["block"] >= 5
    assert turn["peak_mib"] > 10

    said, made = run([{"seconds": 0.02, "block": 1}, None])
    assert len(said[1]["times"]) == made - CHECKED - 1


def test_calls_of_several_steps_count_as_so_many() -> None:
    said, made = run([{"seconds": 0.0, "block": 3 * CHECKED}, None], steps=CHECKED)
    assert said[0] == {"losses": [1.0]}
    assert made == 1 + 3
    assert said[1]["steps"] == 3 * CHECKED


def test_without_a_runner_the_worker_ends() -> None:
    assert run([])[1] == CHECKED
