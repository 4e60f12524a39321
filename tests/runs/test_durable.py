"""The two verbs: what they write, what they leave behind, and what they say when they cannot."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bpcli.errors import WriteError
from bpcli.runs import durable
from tests.reliability.faults import FaultyOs, broken, fail


def test_replace(tmp_path: Path) -> None:
    path, kept = tmp_path / "a", tmp_path / "b"
    durable.replace(path, b"one", keep=kept)
    assert path.read_bytes() == b"one" and not kept.exists()
    durable.replace(path, b"two", keep=kept, check=True)
    assert (path.read_bytes(), kept.read_bytes()) == (b"two", b"one")
    durable.replace(path, b"", sync=False)
    assert path.read_bytes() == b"" and sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_replace_makes_up_for_short_writes(tmp_path: Path) -> None:
    class Slow(FaultyOs):
        def write(self, descriptor: int, data: bytes) -> int:
            return os.write(descriptor, bytes(data[:7]))

    with broken(Slow()):
        durable.replace(tmp_path / "a", bytes(range(200)), check=True)
    assert (tmp_path / "a").read_bytes() == bytes(range(200))


def test_replace_notices_a_disk_that_lies(tmp_path: Path) -> None:
    class Liar(FaultyOs):
        def write(self, descriptor: int, data: bytes) -> int:
            return os.write(descriptor, b"?" * len(data))

    durable.replace(tmp_path / "a", b"old")
    with broken(Liar()), pytest.raises(WriteError, match="read back is not what was written"):
        durable.replace(tmp_path / "a", b"new", check=True, keep=tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == b"old" and os.listdir(tmp_path) == ["a"]


def test_a_rename_that_fails_takes_the_first_one_back(tmp_path: Path) -> None:
    path, kept = tmp_path / "a", tmp_path / "b"
    durable.replace(path, b"one")
    durable.replace(kept, b"zero")
    calls = FaultyOs()
    with broken(calls):
        durable.replace(path, b"one", keep=kept)
    second = [at for at, name in enumerate(calls.calls, 1) if name == "replace"][1]
    with broken(FaultyOs(fail(second, errno.EIO, False))), pytest.raises(WriteError):
        durable.replace(path, b"two", keep=kept)
    assert path.read_bytes() == b"one" and os.listdir(tmp_path) == ["a"]


def test_a_folder_that_cannot_be_synced_is_no_failure(tmp_path: Path) -> None:
    class NoFolders(FaultyOs):
        def fsync(self, descriptor: int) -> None:
            if os.path.isdir(f"/proc/self/fd/{descriptor}"):
                raise OSError(errno.EINVAL, "Invalid argument")

    with broken(NoFolders()):
        durable.replace(tmp_path / "a", b"one")
    assert (tmp_path / "a").read_bytes() == b"one"


def test_pointer_without_symlinks_is_a_file(tmp_path: Path) -> None:
    class NoLinks(FaultyOs):
        def symlink(self, *_: object, **__: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

    (tmp_path / "run").mkdir()
    durable.point(tmp_path / "latest", "run")
    assert (tmp_path / "latest").readlink() == Path("run")
    with broken(NoLinks()):
        durable.point(tmp_path / "latest", "other")
    assert not (tmp_path / "latest").is_symlink()
    assert (tmp_path / "latest").read_text() == "other\n"


def test_append(tmp_path: Path) -> None:
    file = durable.append(tmp_path / "log")
    file.line("one")
    file.line("zwei ü \udc80")
    assert file.length == (tmp_path / "log").stat().st_size
    file.close()
    file.close()
    assert (tmp_path / "log").read_text("utf-8") == "one\nzwei ü \\udc80\n"
    with open(tmp_path / "log", "ab") as other:
        other.write(b"torn")
    file = durable.append(tmp_path / "log")
    file.line("three")
    assert (tmp_path / "log").read_text("utf-8").splitlines() == ["one", "zwei ü \\udc80", "three"]
    file.truncate(10**9)
    assert file.length == (tmp_path / "log").stat().st_size
    file.truncate(5)
    file.line("four")
    file.close()
    assert (tmp_path / "log").read_text() == "one\nfour\n"


def test_a_short_append_is_taken_back(tmp_path: Path) -> None:
    class Short(FaultyOs):
        def write(self, descriptor: int, data: bytes) -> int:
            return os.write(descriptor, data[:3]) if len(data) > 3 else 0

    file = durable.append(tmp_path / "log")
    file.line("one")
    with broken(Short()), pytest.raises(WriteError, match="the disk is full"):
        file.line("123456")
    assert (tmp_path / "log").read_text() == "one\n"
    file.line("two")
    file.close()
    assert (tmp_path / "log").read_text() == "one\ntwo\n"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EACCES, "permission is denied"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EIO, "the disk reports an input/output error"),
        (errno.EMFILE, "this process has too many files open"),
        (errno.ENOTDIR, "a part of its path is a file"),
        (errno.EFBIG, "the file would be larger than this process or disk allows"),
        (errno.EXDEV, "invalid cross-device link"),
    ],
)
def test_reasons_are_words(tmp_path: Path, number: int, words: str) -> None:
    with broken(FaultyOs(fail(1, number, False))), pytest.raises(WriteError) as caught:
        durable.replace(tmp_path / "a", b"x")
    text = str(caught.value)
    assert text.lower().startswith(f"{tmp_path / 'a'}: it cannot be written: {words}".lower())
    assert "\n" not in text and caught.value.exit_code == 4


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("mine")
    for path in (tmp_path / "runs", tmp_path / "runs" / "deep" / "er"):
        with pytest.raises(
            WriteError, match="a folder is needed here, but this is a file; move that file away"
        ):
            durable.ensure_folder(path)
    durable.ensure_folder(tmp_path / "x" / "y")
    durable.ensure_folder(tmp_path / "x" / "y")
    assert (tmp_path / "x" / "y").is_dir() and (tmp_path / "runs").read_text() == "mine"


def test_folders_are_exclusive(tmp_path: Path) -> None:
    durable.make_folder(tmp_path / "a")
    with pytest.raises(FileExistsError):
        durable.make_folder(tmp_path / "a")
    with pytest.raises(WriteError, match="its folder does not exist"):
        durable.make_folder(tmp_path / "none" / "a")


def test_remove_and_sweep(tmp_path: Path) -> None:
    for name in ("a", ".a.1234.tmp", "b.tmp"):
        (tmp_path / name).write_text("x")
    durable.remove(tmp_path / "a")
    durable.remove(tmp_path / "a")
    durable.sweep(tmp_path)
    assert os.listdir(tmp_path) == ["b.tmp"]
    with pytest.raises(WriteError, match="it cannot be removed"):
        durable.remove(tmp_path)
    durable.remove_empty(tmp_path)
    assert tmp_path.exists()


def test_nothing_else_in_the_package_writes() -> None:
    """One module writes under runs/: no other one of bpcli.runs opens, renames or removes files."""
    calls = (
        "os.replace os.rename os.unlink os.write os.mkdir os.remove write_text( write_bytes( .mkdir( .unlink("
    )
    writing = [*calls.split(), ".rename(", ".touch(", "shutil", '"wb', '"w"']
    for path in Path(durable.__file__).parent.glob("*.py"):
        if path.name != "durable.py":
            text = path.read_text("utf-8").replace("def write_text(", "")
            found = [word for word in writing if word in text]
            assert not found, f"{path.name} has {found}"
