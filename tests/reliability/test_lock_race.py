"""Several processes want one run at the same instant: one gets it, the others leave with 5 and its number."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bpcli.errors import LockedError
from bpcli.runs.folder import RunFolder
from tests.reliability import story

ROOT = Path(__file__).parents[2]

#: For each round: wait for its instant, try to open the run, say who got it, and hold it a while.
RACER = """
import os, sys, time
from pathlib import Path
from bpcli.errors import LockedError
from bpcli.runs.folder import RunFolder
import filelock  # before the race
runs, start, rounds = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
for number in range(rounds):
    time.sleep(max(0.0, start + 0.1 * number - time.time()))
    try:
        with RunFolder.open("latest", runs, lock=True):
            print(number, "won", os.getpid(), flush=True)
            time.sleep(0.06)
    except LockedError as error:
        print(number, "lost", error.exit_code, error, flush=True)
"""

HOLDER = """
import sys, time
from pathlib import Path
from bpcli.runs.folder import RunFolder
folder = RunFolder.open("latest", Path(sys.argv[1]), lock=True)
print("held", flush=True)
time.sleep(60)
"""


def test_one_winner(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    story.first_session(runs)
    rounds, start = 10, time.time() + 1.5
    command = [sys.executable, "-c", RACER, str(runs), str(start), str(rounds)]
    racers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    lines = [line for racer in racers for line in racer.communicate(timeout=60)[0].splitlines()]
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert len(lines) == 3 * rounds
    for number in range(rounds):
        told = [line.split(maxsplit=2)[1:] for line in lines if line.startswith(f"{number} ")]
        winners = [rest for word, rest in told if word == "won"]
        losers = [rest for word, rest in told if word == "lost"]
        assert len(winners) == 1 and len(losers) == 2, told
        for loser in losers:
            assert loser.startswith("5 ") and f"process {winners[0]} is writing this run" in loser


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX systems")
def test_a_killed_owner_frees_the_run(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    story.first_session(runs)
    command = [sys.executable, "-c", HOLDER, str(runs)]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "held\n"
    with pytest.raises(LockedError, match=rf"process {child.pid} is writing this run") as caught:
        RunFolder.open("latest", runs, lock=True)
    assert caught.value.exit_code == 5
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    with RunFolder.open(
        "latest", runs, lock=True
    ) as folder:  # at once, though the dead one's name is still there
        assert folder.load_newest()[1]["step"] == 3
        with pytest.raises(LockedError, match=re.escape(f"process {os.getpid()} ")):
            RunFolder.open("latest", runs, lock=True)
        RunFolder.open("latest", runs, lock=False).close()  # reading is free
