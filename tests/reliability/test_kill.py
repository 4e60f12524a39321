"""kill -9 at random instants of a 20-epoch run, then resume: no byte differs, on one thread or on two.

The everyday tier; `python -m tests.reliability` runs the full one. A process of its own, since it forks.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MEMORY = Path("/dev/shm")
pytestmark = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="victims are forked")


def campaign(folder: Path, *options: str) -> dict[str, Any]:
    """The report of `python -m tests.reliability` with these options."""
    where = MEMORY if MEMORY.is_dir() else folder  # what the disk keeps in a power cut is tested elsewhere
    done = subprocess.run(
        [sys.executable, "-m", "tests.reliability", "--json", "--folder", str(where), *options],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["good"] else 1)
    return found


def check(found: dict[str, Any], runs: int, ended: int) -> None:
    """At least so many runs went on to the right end, after so many real kills."""
    assert found["threads_alike"] is True
    assert found["good"] is True, found
    for tally in found["campaigns"]:
        assert tally["wrong"] == []
        assert tally["identical"] == tally["runs"] >= runs
        assert tally["ended"] >= ended


def test_killed_at_ten_instants(tmp_path: Path) -> None:
    check(campaign(tmp_path, "--kills", "10", "--again", "0", "--signals", "0"), 10, 10)


@pytest.mark.slow
def test_killed_again_and_again(tmp_path: Path) -> None:
    check(campaign(tmp_path, "--kills", "0", "--again", "3", "--signals", "0"), 3, 45)


@pytest.mark.slow
def test_signals_at_thirty_instants(tmp_path: Path) -> None:
    found = campaign(tmp_path, "--kills", "0", "--again", "0", "--signals", "30")
    check(found, 30, 15)
    assert found["campaigns"][0]["lost"] <= 1
