"""A source's file, whole in memory."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from bpcli.data.cells import shown
from bpcli.errors import DataError

if TYPE_CHECKING:
    from bpcli.files import Files


class Read(NamedTuple):
    """The bytes of a file, how an error calls it, and the SHA-256 of the bytes."""

    data: bytes
    file: str
    digest: str


def read_whole(files: Files, path: str) -> Read:
    """The file that a config names. DataError where it is missing or cannot be read."""
    found = files.find(path)
    try:
        data = found.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=shown(found)) from None
    return Read(data, shown(found), sha256(data).hexdigest())
