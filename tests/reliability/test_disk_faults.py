"""Every call of the writer fails in turn, once and for ever: one sentence, exit 4, nothing saved is lost."""

from __future__ import annotations

import errno
import itertools
import shutil
from pathlib import Path

import pytest

from bpcli.errors import WriteError
from bpcli.runs.folder import RunFolder, list_runs
from tests.reliability import story
from tests.reliability.faults import Crash, FaultyOs, broken, crash, fail

pytestmark = pytest.mark.usefixtures("no_writer")

ERRORS = [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EACCES, errno.EROFS, errno.EMFILE]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("first") / "runs"
    story.first_session(runs)
    return runs


def _copy(first: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(first, to, symlinks=True)
    return list_runs(to)[0]


def _calls(first: Path, tmp_path: Path) -> int:
    _copy(first, tmp_path / "runs")
    with broken(FaultyOs()) as fake:
        story.second_session(tmp_path / "runs", [])
    assert len(fake.calls) > 60  # or the layer is not where the writing happens
    return len(fake.calls)


@pytest.mark.parametrize("for_ever", [False, True])
@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param([errno.ENOSPC], id="full"),
        pytest.param(ERRORS, id="mixed"),  # call number k fails with the k-th of them, and so on
        *(
            pytest.param([number], id=errno.errorcode[number], marks=pytest.mark.slow)
            for number in ERRORS[1:]
        ),
    ],
)
def test_every_failing_call(first: Path, tmp_path: Path, numbers: list[int], for_ever: bool) -> None:
    raised = 0
    for at in range(1, _calls(first, tmp_path) + 1):
        number = numbers[at % len(numbers)]
        path = _copy(first, tmp_path / "runs")
        saved = [3]
        with broken(FaultyOs(fail(at, number, for_ever))):
            try:
                story.second_session(tmp_path / "runs", saved)
            except WriteError as error:
                raised += 1
                assert error.exit_code == 4
                assert "\n" not in str(error) and str(tmp_path / "runs") in str(error)
        assert story.check(path, saved[-1]) >= 3
        with RunFolder.open(
            "latest", tmp_path / "runs", lock=True
        ) as again:  # the lock is free, and it goes on
            again.truncate_metrics(again.load_newest()[1]["metrics_length"])
            story.save(again, again.load_newest()[1]["step"] + 1)
        assert not list(path.rglob("*.tmp"))
    assert raised > 50


def test_a_failed_save_names_the_state_that_is_safe(first: Path, tmp_path: Path) -> None:
    _copy(first, tmp_path / "runs")
    with RunFolder.open("latest", tmp_path / "runs", lock=True) as folder:
        folder.load_newest()
        with broken(FaultyOs(fail(2, errno.ENOSPC, True))), pytest.raises(WriteError) as caught:
            folder.save(story.state(4), {"step": 4}, best=False)
    assert "the disk is full" in str(caught.value)
    assert "the checkpoint of step 3 is intact" in str(caught.value)


@pytest.mark.parametrize("torn", [False, True])
def test_every_kill_point(first: Path, tmp_path: Path, torn: bool) -> None:
    for at in range(1, _calls(first, tmp_path) + 1):
        path = _copy(first, tmp_path / "runs")
        saved = [3]
        fake = FaultyOs(crash(at))
        fake.torn = torn
        with broken(fake), pytest.raises(Crash):
            story.second_session(tmp_path / "runs", saved)
        step = story.check(path, saved[-1])
        again: list[int] = []
        story.second_session(tmp_path / "runs", again)  # and the next session goes on from there
        assert again == [step + 1, step + 2, step + 3]
        folder = RunFolder.open("latest", tmp_path / "runs", lock=False)
        assert [entry["step"] for entry in folder.read_metrics()] == list(range(1, step + 4))
        assert not list(path.rglob("*.tmp"))


def test_every_failing_call_of_a_start(first: Path, tmp_path: Path) -> None:
    """What was there stays, what is listed is whole, and a start that failed at once leaves no folder."""
    old = _copy(first, tmp_path / "runs")
    with broken(FaultyOs()) as fake:
        story.start(tmp_path / "runs").close()
    assert len(fake.calls) > 20
    for at, for_ever in itertools.product(range(1, len(fake.calls) + 1), (False, True)):
        runs = tmp_path / "runs"
        _copy(first, runs)
        with broken(FaultyOs(fail(at, ERRORS[at % len(ERRORS)], for_ever))):
            try:
                story.start(runs).close()
            except WriteError as error:
                assert "\n" not in str(error)
            else:
                assert fake.calls[at - 1] == "unlink", "only tidying up may fail unnoticed"
        assert story.check(old, 3) == 3
        for run in list_runs(runs):
            with RunFolder.open(run.name, runs, lock=True) as folder:
                assert folder.info["n"] == 1 and folder.read_text("config.yaml") == "name: story\n"
        if not for_ever and at <= fake.calls.index("replace"):  # before the first file was complete
            assert {path.name for path in runs.iterdir()} == {"latest", old.name}


def test_a_line_that_does_not_fit_is_taken_back(tmp_path: Path) -> None:
    with story.start(tmp_path / "runs") as folder:
        folder.log_metrics(story.line(1))
        before = (folder.path / "metrics.jsonl").read_bytes()
        for for_ever in (False, True):
            fake = FaultyOs(fail(1, errno.ENOSPC, for_ever))
            fake.torn = True
            with broken(fake), pytest.raises(WriteError):
                folder.log_metrics(story.line(2))
        folder.log_metrics(story.line(3))
        assert [line["step"] for line in folder.read_metrics()] == [1, 3]
        assert (folder.path / "metrics.jsonl").read_bytes().startswith(before)


def test_a_lock_that_cannot_be_made_is_a_write_error(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import filelock

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    _copy(first, tmp_path / "runs")
    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.raises(WriteError, match="read-only"):
        RunFolder.open("latest", tmp_path / "runs", lock=True)
