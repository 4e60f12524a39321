"""Reads the arrays of an npz archive without trusting it: headers first, no pickles, no more than it says."""

from __future__ import annotations

import ast
import io
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from bpcli.data.arrays import bound_growth
from bpcli.errors import DataError

if TYPE_CHECKING:
    from zipfile import ZipFile

_MAX_HEADER = 10_000


class Archive:
    """An open npz file."""

    def __init__(self, archive: ZipFile, file: str) -> None:
        self.archive, self.file = archive, file
        self.names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]

    def read(self, name: str | None) -> NDArray[Any]:
        """The array of that name, in C order and native byte order; DataError if anything about it is odd."""
        info = self.archive.getinfo(f"{name}.npy")
        if info.flag_bits & 1:
            raise DataError(f"array '{name}' is encrypted", file=self.file)
        with self.archive.open(info) as stream:
            shape, fortran, dtype, header = _header(stream, f"array '{name}'", self.file)
            size = math.prod(shape) * dtype.itemsize
            if size != info.file_size - header:
                raise DataError(
                    f"array '{name}' says it is {shape} of {dtype.name}, {size:,} bytes, "
                    f"and has {info.file_size - header:,}",
                    file=self.file,
                )
            bound_growth(info.compress_size, size, file=self.file)
            packed = cast("io.BufferedIOBase", stream)  # a ZipExtFile is one
            data = bytearray(size)
            view, filled = memoryview(data), 0
            while filled < size and (count := packed.readinto(view[filled : filled + (1 << 20)])):
                filled += count
            if filled < size or stream.read(1):
                raise DataError(f"array '{name}' is cut off", file=self.file)
        array = np.frombuffer(data, dtype=dtype)
        array = array.reshape(shape[::-1]).transpose() if fortran else array.reshape(shape)
        return np.asarray(array, dtype=dtype.newbyteorder("="), order="C")


@contextmanager
def open_archive(path: Path, file: str) -> Iterator[Archive]:
    """An npz file; whatever is wrong with it as an archive is a DataError."""
    import zipfile
    import zlib

    try:
        with zipfile.ZipFile(path) as archive:
            yield Archive(archive, file)
    except zipfile.BadZipFile as error:
        with path.open("rb") as stream:
            start = stream.read(6)
        hint = "it is a single npy array: save x and y with numpy.savez" if start == b"\x93NUMPY" else None
        raise DataError(
            f"this is not an npz file, or a damaged one ({error})", file=file, hint=hint
        ) from None
    except (
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        struct.error,
        UnicodeDecodeError,
    ) as error:
        raise DataError(f"the npz file is damaged ({error})", file=file) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=file) from None


def _header(stream: IO[bytes], what: str, file: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """(shape, Fortran order, dtype, bytes of the header) of a npy stream."""
    try:
        start = stream.read(8)
        if start[:6] != b"\x93NUMPY" or start[6:] not in (b"\1\0", b"\2\0", b"\3\0"):
            raise ValueError("it begins with " + (start.hex(" ") or "nothing"))
        prefix = stream.read(2 if start[6] == 1 else 4)
        length = int.from_bytes(prefix, "little")
        text = stream.read(length) if length <= _MAX_HEADER else b""
        if not text or len(text) < length:
            raise ValueError("it is cut off or too long")
        tree = ast.literal_eval(text.decode("utf-8" if start[6] == 3 else "latin-1").strip())
        descr, fortran, shape = tree["descr"], tree["fortran_order"], tree["shape"]
        if not isinstance(fortran, bool) or not isinstance(shape, tuple):
            raise ValueError("its entries are of the wrong type")
        dtype = np.dtype(descr if isinstance(descr, str) else [tuple(field) for field in descr])
    except (ValueError, TypeError, KeyError, SyntaxError, RecursionError, MemoryError) as error:
        reason = (str(error).splitlines() or [""])[0][:120] or type(error).__name__
        raise DataError(f"{what} has no valid npy header ({reason})", file=file) from None
    if dtype.hasobject:
        raise DataError(
            f"{what} holds Python objects (a pickle), which are never loaded",
            file=file,
            hint="save it as numbers, or text labels with dtype=str",
        )
    if dtype.names or dtype.subdtype or not dtype.itemsize:
        raise DataError(f"{what} has the dtype {dtype}, which is no plain array of numbers", file=file)
    if any(type(axis) is not int or axis < 0 for axis in shape):
        raise DataError(f"{what} has the impossible shape {shape}", file=file)
    return shape, fortran, dtype, len(start) + len(prefix) + len(text)
