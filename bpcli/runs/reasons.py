"""Why a file could not be written, in plain words."""

from __future__ import annotations

import errno
from pathlib import Path

from bpcli.errors import WriteError

_SPACE = "free some space, or choose another place with --runs-dir"
_RIGHTS = "change its permissions, or choose another place with --runs-dir"
#: errno -> the reason in plain words, and the remedy.
_REASONS: dict[int, tuple[str, str | None]] = {
    errno.ENOSPC: ("the disk is full", _SPACE),
    getattr(errno, "EDQUOT", -1): ("the disk quota is used up", _SPACE),
    errno.EFBIG: ("the file would be larger than this process or disk allows", "raise the limit (ulimit -f)"),
    errno.EACCES: ("permission is denied", _RIGHTS),
    errno.EPERM: ("the operation is not permitted", _RIGHTS),
    errno.EROFS: ("the file system is read-only", "choose another place with --runs-dir"),
    errno.EIO: ("the disk reports an input/output error", "check the disk before you go on"),
    errno.EMFILE: ("this process has too many files open", "raise the limit (ulimit -n)"),
    errno.ENFILE: ("the system has too many files open", "close other programs"),
    errno.ENOTDIR: ("a part of its path is a file where a folder is needed", "move that file away"),
    errno.EISDIR: ("a folder is in the way", "move that folder away"),
    errno.EEXIST: ("something of that name is already there", "move it away"),
    errno.ENOENT: ("its folder does not exist, or was removed meanwhile", None),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
}


def write_error(path: Path, error: OSError, done: str = "be written") -> WriteError:
    """The sentence for an OSError on `path`."""
    reason, hint = _REASONS.get(error.errno or 0, (error.strerror or str(error), None))
    return WriteError(f"it cannot {done}: {reason}", file=str(path), hint=hint)
