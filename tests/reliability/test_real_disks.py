"""No simulation: limits of the process, a device that is always full, a small disk, and kill -9."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bpcli.errors import WriteError
from bpcli.runs import checkpoint, durable
from bpcli.runs.folder import RunFolder
from tests.reliability import story

posix = pytest.mark.skipif(os.name == "nt", reason="limits, devices and fork are of POSIX systems")
ROOT = Path(__file__).parents[2]

#: Saves ever larger states until something stops it; prints the last one saved, then the error.
GROWING = """
import sys, numpy as np
from pathlib import Path
from bpcli.errors import WriteError
from bpcli.runs.folder import RunFolder
folder = RunFolder.create(Path(sys.argv[1]), "grow", config_text="a: 1", resolved="a: 1", info={})
limit = int(sys.argv[2])
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for step in range(1, 1000):
    try:
        folder.save({"w": np.full(step * 1000, step, np.int64)}, {"step": step}, best=step % 2 == 0)
    except WriteError as error:
        print(step - 1, error)
        folder.close()
        sys.exit(error.exit_code)
"""


def _grow(runs: Path, limit: int, *before: str) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, "-c", GROWING, str(runs), str(limit)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


@posix
def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    done = _grow(tmp_path / "runs", 100_000)
    assert (done.returncode, done.stderr) == (4, "")
    assert "larger than this process or disk allows" in done.stdout and done.stdout.count("\n") == 1
    folder = RunFolder.open("latest", tmp_path / "runs", lock=False)
    arrays, meta, which, warnings = folder.load_newest()
    assert (meta["step"], which, warnings) == (int(done.stdout.split()[0]), "last", [])
    assert arrays["w"].tolist() == [meta["step"]] * 1000 * meta["step"]
    assert not list(folder.path.rglob("*.tmp"))


@posix
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """A small disk of its own, in a namespace that goes with the process; its content is copied out."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=600k none {disk}"
    inside = ["unshare", "-rm", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*inside, mount], capture_output=True).returncode:
        pytest.skip("this system lets no process mount a disk of its own")
    script = f'{mount}; "$@"; code=$?; cp -a {disk}/. {tmp_path}/left; exit $code'
    done = _grow(disk / "runs", 0, *inside, script, "sh")
    assert (done.returncode, done.stderr) == (4, "")
    assert "the disk is full" in done.stdout and done.stdout.count("\n") == 1
    step = int(done.stdout.split()[0])
    assert f"the checkpoint of step {step} is intact" in done.stdout and step > 3
    folder = RunFolder.open("latest", tmp_path / "left" / "runs", lock=False)
    assert folder.load_newest()[1]["step"] >= step
    for kept in (folder.path / "checkpoints").iterdir():
        checkpoint.verify(kept)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is always full")
def test_a_device_that_is_full() -> None:
    file = durable.append(Path("/dev/full"))
    with pytest.raises(WriteError, match=r"/dev/full: it cannot be written: the disk is full") as caught:
        file.line("a line")
    assert caught.value.exit_code == 4 and file.length == 0


class Writer:
    """A forked child that resumes and saves without a pause until it is killed; it tells of each save."""

    def __init__(self, runs: Path) -> None:
        self._told, tell = os.pipe()
        self._child = os.fork()
        if self._child:
            os.close(tell)
            return
        try:

            class Saved(list[int]):
                def append(self, step: int) -> None:
                    os.write(tell, b".")

            while True:
                story.second_session(runs, Saved())
        finally:
            os._exit(1)  # reached only by an error

    def wait(self, saves: int) -> None:
        """Returns after that many more saves."""
        while saves:
            told = os.read(self._told, 1)
            assert told, "the writer ended by itself"
            saves -= 1

    def kill(self) -> None:
        os.kill(self._child, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(self._child, 0)[1]), "the writer ended by itself"
        os.close(self._told)


@posix
def test_kill_9_at_random_instants(tmp_path: Path) -> None:
    """Whenever it dies, what it had told of is there, the run is whole, and the lock is free."""
    runs = tmp_path / "runs"
    chance = random.Random(3)
    story.first_session(runs)
    newest = 3
    for _ in range(25):
        writer = Writer(runs)
        saves = chance.randrange(6)
        writer.wait(saves)
        time.sleep(chance.uniform(0.0, 0.01))
        writer.kill()
        with RunFolder.open("latest", runs, lock=True) as folder:
            newest = story.check(folder.path, newest + saves)


@posix
def test_reads_during_writes_are_never_torn(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    path = story.first_session(runs)
    writer = Writer(runs)
    try:
        folder = RunFolder.open(str(path), runs, lock=False)
        steps: list[int] = []
        for number in range(200):
            arrays, meta, _, warnings = folder.load_newest()
            assert warnings == [] and int(arrays["t"]) == meta["step"]
            steps.append(meta["step"])
            assert RunFolder.open("latest", runs, lock=False).info["n"] == 1
            lines = [entry["step"] for entry in folder.read_metrics() if entry["step"] != story.NEVER_SAVED]
            assert lines == list(range(1, len(lines) + 1))
            if number % 50 == 0:
                writer.wait(1)
        assert steps == sorted(steps) and len(set(steps)) > 3
    finally:
        writer.kill()
