"""Random sequences of saves, deaths and disk faults: last, prev and best are never all lost."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest

from bpcli.errors import WriteError
from bpcli.runs.folder import RunFolder
from tests.reliability import story
from tests.reliability.faults import Crash, FaultyOs, broken, crash, fail

pytestmark = pytest.mark.usefixtures("no_writer")

FAULTS = [errno.ENOSPC, errno.EIO, errno.EACCES]


@pytest.mark.parametrize("sequences", [40, pytest.param(2000, marks=pytest.mark.slow)])
def test_random_sequences(tmp_path: Path, sequences: int) -> None:
    chance = random.Random(11)
    deaths = failures = 0
    for number in range(sequences):
        runs = tmp_path / str(number)
        path = story.first_session(runs)
        acknowledged = 3
        for _ in range(8):
            at = chance.randrange(1, 90)
            fault = chance.choice([None, crash(at), fail(at, chance.choice(FAULTS), chance.random() < 0.5)])
            saved: list[int] = []
            with broken(FaultyOs(fault) if fault else FaultyOs()):
                try:
                    story.second_session(runs, saved)
                except Crash:
                    deaths += 1
                except WriteError:
                    failures += 1
            acknowledged = max([acknowledged, *saved])
            assert story.check(path, acknowledged) >= acknowledged
    assert deaths > sequences and failures > sequences / 2


@pytest.mark.parametrize("which", ["last", "prev", "best"])
def test_a_damaged_one_never_pushes_a_good_one_out(tmp_path: Path, which: str) -> None:
    """With one of the three rotten, the process may still die at any call of the saves that follow."""
    for at in range(1, 45):
        runs = tmp_path / str(at)
        path = story.first_session(runs)
        rotten = path / "checkpoints" / f"{which}.safetensors"
        rotten.write_bytes(rotten.read_bytes()[:-1])
        newest = RunFolder.open(str(path), runs, lock=False).load_newest()[1]["step"]
        saved = [newest]
        with broken(FaultyOs(crash(at))), pytest.raises(Crash):
            story.second_session(runs, saved)
        folder = RunFolder.open(str(path), runs, lock=False)
        assert folder.load_newest()[1]["step"] >= saved[-1]


@pytest.mark.parametrize("best", [False, True])
def test_a_disk_that_stores_something_else(tmp_path: Path, best: bool) -> None:
    """What is read back decides, before anything old is touched."""

    class Liar(FaultyOs):
        def write(self, descriptor: int, data: bytes) -> int:
            return os.write(descriptor, bytes(len(data)))

    path = story.first_session(tmp_path)
    before = {file: file.read_bytes() for file in (path / "checkpoints").iterdir()}
    with RunFolder.open("latest", tmp_path, lock=True) as folder:
        folder.load_newest()
        with (
            broken(Liar()),
            pytest.raises(WriteError, match=r"read back.* the checkpoint of step 3 is intact"),
        ):
            folder.save(story.state(4), {"step": 4}, best=best)
    assert before == {file: file.read_bytes() for file in (path / "checkpoints").iterdir()}
