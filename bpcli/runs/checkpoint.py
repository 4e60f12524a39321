"""A checkpoint: one safetensors file that says when it is not what was saved.

All metadata is one key of canonical JSON: the format's version, the caller's `meta`, and a SHA-256 over the
metadata and every tensor (name, dtype, shape, bytes). There is no clock in it: equal states are equal bytes.
Nothing in the file is ever executed, imported, or followed to another file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bpcli.errors import CheckpointError
from bpcli.runs import durable
from bpcli.runs.canonical import encode as to_bytes
from bpcli.runs.canonical import from_json, plain, to_json

FORMAT = 1
#: The code of the error for a file that is not there.
MISSING = "BP244"
_KEY = "bpcli"
_HEAD_KEYS = {"format", "meta", "sha256"}
_MOST_HEADER = 100_000_000  # bytes, the limit of safetensors itself
_OTHER = "BP241"
#: The dtypes that may be saved.
_DTYPES = frozenset(
    ("float64", "float32", "float16", "int64", "int32", "int8", "uint64", "uint32", "uint8", "bool")
)
Arrays = dict[str, NDArray[Any]]
Meta = dict[str, Any]


def encode(arrays: Arrays, meta: Meta) -> bytes:
    """The file's bytes. `meta` is JSON-able with text keys; NaN and infinities in it become null.

    Arrays of any layout and byte order, also of shape () and (0,). TypeError for a dtype that is no plain
    number, or a meta that is not JSON.
    """
    from safetensors.numpy import save

    tensors = {name: _tidy(name, arrays[name]) for name in sorted(arrays)}
    meta = plain(meta)
    head = {"format": FORMAT, "meta": meta, "sha256": _digest(tensors, meta)}
    return save(tensors, {_KEY: to_json(head)})


def decode(data: bytes, where: str) -> tuple[Arrays, Meta]:
    """What `encode` was given; `where` is the file's name for the errors. The arrays may be read-only.

    CheckpointError for anything else: cut short, changed, another kind of file, a newer format.
    """
    head = _head(data, len(data), where)
    tensors = _tensors(data, where)
    meta = head["meta"]
    if not isinstance(meta, dict) or head["sha256"] != _digest(tensors, cast(Meta, meta)):
        raise _damaged(where, "its content and its checksum differ")
    return tensors, cast(Meta, meta)


def write(path: Path, arrays: Arrays, meta: Meta) -> None:
    """Replaces `path` in one step. WriteError."""
    durable.replace(path, encode(arrays, meta))


def read(path: Path) -> tuple[Arrays, Meta]:
    """The arrays and metadata of a checkpoint file. CheckpointError; reads no more than the file's size."""
    data = _bytes(path)
    try:
        return decode(data, str(path))
    except MemoryError:
        raise CheckpointError("the checkpoint does not fit into memory", file=str(path)) from None


def verify(path: Path) -> Meta:
    """Reads it all and checks it; its metadata. CheckpointError."""
    return read(path)[1]


def digest(arrays: Arrays, meta: Meta) -> str:
    """The SHA-256 that the file of this state carries and is checked by: equal states, equal digests."""
    return _digest({name: _tidy(name, arrays[name]) for name in sorted(arrays)}, plain(meta))


def _tidy(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """C order and this machine's byte order; shape () stays ()."""
    if array.dtype.name not in _DTYPES:
        raise TypeError(f"array {name!r} is of type {array.dtype}, which a checkpoint does not hold")
    return np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")


def _digest(tensors: Arrays, meta: Meta) -> str:
    import hashlib

    names = sorted(tensors)
    table = [[name, tensors[name].dtype.name, list(tensors[name].shape)] for name in names]
    head = to_bytes(to_json({"format": FORMAT, "meta": meta, "tensors": table}))
    digest = hashlib.sha256(len(head).to_bytes(8, "little") + head)
    for name in names:  # their sizes are in the head, so no bytes can move from one to the next
        array = tensors[name]
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _head(start: bytes, size: int, where: str) -> Meta:
    """bpcli's own metadata, after the checks that can say more than 'damaged'.

    `start` is the file's beginning, its header included where there is a plausible one; `size` the whole.
    """
    kind = _other_kind(start)
    if kind:
        raise CheckpointError(f"this is {kind}, not a bpcli checkpoint", file=where, code=_OTHER)
    end = _header_end(start)
    if size < 9 or (start[8:9] == b"{" and size < end <= _MOST_HEADER):
        raise _damaged(where, "it is cut short")
    if start[8:9] != b"{" or end > min(size, _MOST_HEADER):
        raise CheckpointError("this is not a bpcli checkpoint", file=where, code=_OTHER)
    try:
        header = from_json(start[8:end])
        own = header.pop("__metadata__", {})
        stops = [entry["data_offsets"][1] for entry in header.values()]
        missing = end + max(stops, default=0) - size
        if _KEY not in own:
            raise CheckpointError(
                "this safetensors file holds weights, but is not a bpcli checkpoint", file=where, code=_OTHER
            )
        head = from_json(own[_KEY])
        version = head["format"]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        raise _damaged(where, "its header cannot be read") from None
    if type(version) is int and version > FORMAT:
        raise CheckpointError(
            f"the checkpoint is of format {version}, and this bpcli knows formats up to {FORMAT}",
            file=where,
            hint="install the bpcli that wrote it, or a newer one",
            code="BP243",
        )
    if missing:
        raise _damaged(where, "it is cut short" if missing > 0 else "it has bytes that belong to nothing")
    if type(version) is not int or version != FORMAT or set(own) != {_KEY} or set(head) != _HEAD_KEYS:
        raise _damaged(where, "its header is not what bpcli writes")
    return cast(Meta, head)


def _header_end(start: bytes) -> int:
    return 8 + int.from_bytes(start[:8], "little")


def _tensors(data: bytes, where: str) -> Arrays:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(data)
    except (SafetensorError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise _damaged(where, " ".join(str(error).split())) from None
    return tensors


def _damaged(where: str, how: str) -> CheckpointError:
    hint = "go back to another checkpoint of the run, or to a copy of this one"
    return CheckpointError(f"the checkpoint is damaged: {how}", file=where, hint=hint, code="BP242")


def _other_kind(data: bytes) -> str | None:
    """What the first bytes give away of files that are often mistaken for checkpoints."""
    kinds = {
        b"PK\x03\x04": "a zip file (PyTorch, Keras and npz files are such)",
        b"\x89HDF": "an HDF5 file",
        b"\x93NUMPY": "an npy file",
        b"\x1f\x8b": "a gzip file",
        b"\x80\x02": "a pickle",
        b"\x80\x03": "a pickle",
        b"\x80\x04": "a pickle",
        b"\x80\x05": "a pickle",
    }
    # The first eight bytes of a true one are a length, which could begin like any of these: look behind it.
    if data[8:9] == b"{":
        return None
    return next((kind for start, kind in kinds.items() if data.startswith(start)), None)


def _bytes(path: Path) -> bytes:
    """The content of a regular file, never through a link, never waiting for a pipe."""
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        mode = os.lstat(path).st_mode
        if not stat.S_ISREG(mode):
            word = (
                "a symbolic link"
                if stat.S_ISLNK(mode)
                else "a folder"
                if stat.S_ISDIR(mode)
                else "no plain file"
            )
            raise CheckpointError(f"a checkpoint must be a plain file, and this is {word}", file=str(path))
        with open(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise CheckpointError("a checkpoint must be a plain file", file=str(path))
            start = file.read(9)
            if start[8:] == b"{" and _header_end(start) <= min(status.st_size, _MOST_HEADER):
                start += file.read(_header_end(start) - 9)
            _head(start, status.st_size, str(path))  # before the rest gets any memory
            file.seek(0)
            return file.read(status.st_size)
    except FileNotFoundError:
        raise CheckpointError("there is no such checkpoint", file=str(path), code=MISSING) from None
    except MemoryError:
        raise CheckpointError("the checkpoint does not fit into memory", file=str(path)) from None
    except OSError as error:
        raise CheckpointError(f"the checkpoint cannot be read: {error.strerror}", file=str(path)) from None
