"""Several processes want one run at the same instant: one gets it, the others leave with 5 and its number."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bpcli.errors import LockedError
from bpcli.runs.folder import RunFolder
from tests.reliability import story

ROOT = Path(__file__).parents[2]

#: At each line that it is sent: try to open the run, and say what came of it; hold it until the next line.
RACER = """
import os, sys
from pathlib import Path
from bpcli.errors import LockedError
from bpcli.runs.folder import RunFolder
import filelock  # before the race
for _ in sys.stdin:
    try:
        with RunFolder.open("latest", Path(sys.argv[1]), lock=True):
            print("won", os.getpid(), flush=True)
            sys.stdin.readline()
    except LockedError as error:
        print("lost", error.exit_code, error, flush=True)
        sys.stdin.readline()
    print("ready", flush=True)
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
    command = [sys.executable, "-c", RACER, str(runs)]
    racers = [
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        for _ in range(3)
    ]

    def tell_all() -> list[str]:
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
        return [racer.stdout.readline().rstrip() for racer in racers if racer.stdout is not None]

    for _ in range(50):
        told = tell_all()
        winners = [answer.removeprefix("won ") for answer in told if answer.startswith("won ")]
        losers = [answer for answer in told if answer.startswith("lost 5 ")]
        assert len(winners) == 1 and len(losers) == 2, told
        for loser in losers:
            assert f"process {winners[0]} is writing this run" in loser
        assert tell_all() == ["ready"] * 3
    for racer in racers:
        racer.communicate(timeout=30)
        assert racer.returncode == 0


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
