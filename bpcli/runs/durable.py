"""The only module that writes under runs/. It has two verbs.

*replace*: a temporary file beside the target, all bytes, fsync, rename, fsync of the folder. At every
instant, and after a power cut, the target holds either all of the old bytes or all of the new ones.

*append*: one write a line on a descriptor that the system itself keeps at the end. A line that does not fit
is taken back; what a crash tore off is cut when the file is opened again.

Every failure is a `WriteError` of one sentence: what, where, why. What is still safe, the caller knows.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from bpcli.errors import WriteError
from bpcli.runs.reasons import write_error

_BINARY = getattr(os, "O_BINARY", 0)  # Windows would change line ends
#: What some file systems answer to the fsync of a folder: they have no such thing, and it is no failure.
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}
#: What file systems and systems without symlinks (or without the right to make them) answer.
_NO_SYMLINKS = {errno.EPERM, errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}


def replace(
    path: Path, data: bytes, *, sync: bool = True, keep: Path | None = None, check: bool = False
) -> None:
    """Makes `data` the whole content of `path`, or leaves everything as it was and raises WriteError.

    `keep`: what was at `path` moves there, once the new bytes are safely on disk under another name.
    `check`: the new bytes are read back and compared before anything old is touched.
    `sync=False` skips both fsyncs, for files that can be made again; a power cut may then lose them.
    """
    new = _temporary(path)
    try:
        _write_new(new, data, sync)
        if check and _read(new) != data:
            raise WriteError(
                "what was read back is not what was written", file=str(path), hint="check the disk"
            )
        kept = keep is not None and _move_aside(path, keep)
        try:
            os.replace(new, path)
        except OSError:
            if keep is not None and kept:
                with suppress(OSError):
                    os.replace(keep, path)
            raise
        if sync:
            _sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(new)
        if isinstance(error, OSError):
            raise write_error(path, error) from error
        raise


def point(path: Path, name: str) -> None:
    """Makes `path` lead to its neighbour `name`: a symlink, or a text file where there are none."""
    new = _temporary(path)
    try:
        os.symlink(name, new, target_is_directory=True)
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_SYMLINKS:
            raise write_error(path, error) from error
        return replace(path, name.encode() + b"\n")
    try:
        os.replace(new, path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            os.unlink(new)
        raise write_error(path, error) from error
    return None


def make_folder(path: Path) -> None:
    """A new folder; FileExistsError where the name is taken (the caller picks another), else WriteError.

    Its name outlives a power cut once something beside it was replaced.
    """
    try:
        os.mkdir(path)
    except FileExistsError:
        raise
    except OSError as error:
        raise write_error(path, error, "be made") from error


def ensure_folder(path: Path) -> None:
    """The folder and those above it exist afterwards; WriteError where a file is in the way."""
    if os.path.isdir(path):
        return
    if path.parent != path:
        ensure_folder(path.parent)
    try:
        make_folder(path)
        _sync_folder(path.parent)
    except FileExistsError as error:
        if not os.path.isdir(path):  # and not merely made by another process just now
            hint = "move that file away, or choose another folder with --runs-dir"
            raise WriteError(
                "a folder is needed here, but this is a file", file=str(path), hint=hint
            ) from error


def remove(path: Path) -> None:
    """The file is gone afterwards; one that is not there is fine. WriteError otherwise."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise write_error(path, error, "be removed") from error


def remove_empty(folder: Path) -> None:
    """Takes back a folder just made, where nothing has come into it; otherwise leaves it alone."""
    with suppress(OSError):
        os.rmdir(folder)


def sweep(folder: Path) -> None:
    """Removes the temporary files that killed processes left in a folder. Only its owner may call this."""
    for left in folder.glob(".*.tmp"):
        with suppress(OSError):
            os.unlink(left)


class Appender:
    """A file that only grows at its end, a line at a time. Made by `append`."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file, and cuts off a last line that has no end. WriteError."""
        self.path = path
        self._torn = False
        try:
            new = not path.exists()
            self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _BINARY, 0o666)
            try:
                if new:
                    _sync_folder(path.parent)
                size = os.fstat(self._descriptor).st_size
                #: Bytes of whole lines: what a checkpoint may rely on.
                self.length = _end_of_lines(self._descriptor, size)
                if self.length != size:
                    os.ftruncate(self._descriptor, self.length)
            except BaseException:
                os.close(self._descriptor)
                raise
        except OSError as error:
            raise write_error(path, error) from error

    def line(self, text: str) -> None:
        """Adds text and a line end in one write; on a short write takes it back and raises WriteError."""
        data = text.encode("utf-8", "backslashreplace") + b"\n"
        try:
            if self._torn:
                self._cut(self.length)
            self._torn = True
            written = os.write(self._descriptor, data)
            if written != len(data):  # the second try tells why
                written += os.write(self._descriptor, data[written:])
            if written != len(data):
                raise OSError(errno.ENOSPC, "short write")
        except OSError as error:
            with suppress(OSError):
                self._cut(self.length)
            raise write_error(self.path, error) from error
        self._torn = False
        self.length += len(data)

    def sync(self) -> None:
        """What was added so far survives a power cut."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise write_error(self.path, error) from error

    def truncate(self, to: int) -> None:
        """Cuts the file to `to` bytes, or to the last whole line before that; never makes it longer."""
        try:
            to = _end_of_lines(self._descriptor, min(to, self.length))
            self._cut(to)
        except OSError as error:
            raise write_error(self.path, error) from error
        self.length = to

    def close(self) -> None:
        """Ends it; a second close does nothing."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        try:
            os.close(descriptor)
        except OSError as error:
            raise write_error(self.path, error) from error

    def _cut(self, to: int) -> None:
        os.ftruncate(self._descriptor, to)
        self._torn = False


def append(path: Path) -> Appender:
    """Opens a file for adding lines. WriteError."""
    return Appender(path)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")


def _write_new(path: Path, data: bytes, sync: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            written = os.write(descriptor, rest)  # may be fewer than asked for
            if not written:
                raise OSError(errno.ENOSPC, "nothing was written")
            rest = rest[written:]
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | _BINARY)
    try:
        blocks: list[bytes] = []
        while block := os.read(descriptor, 1 << 24):
            blocks.append(block)
        return b"".join(blocks)
    finally:
        os.close(descriptor)


def _move_aside(path: Path, to: Path) -> bool:
    try:
        os.replace(path, to)
    except FileNotFoundError:  # there was no old one
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Makes new, renamed and removed names in a folder last. Windows has no such call, and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def _end_of_lines(descriptor: int, size: int, block: int = 1 << 16) -> int:
    """The place after the last line end within the first `size` bytes."""
    end = size
    while end > 0:
        start = max(0, end - block)
        os.lseek(descriptor, start, os.SEEK_SET)
        found = os.read(descriptor, end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
