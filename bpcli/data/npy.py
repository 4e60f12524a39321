"""Reads the arrays of an npz archive without trusting it: headers first, no pickles, no more than it says."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from numpy.lib import format as npy_format
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
        return np.ascontiguousarray(array, dtype=dtype.newbyteorder("="))


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
        version = npy_format.read_magic(stream)
        length_bytes = 2 if version == (1, 0) else 4
        if version not in ((1, 0), (2, 0), (3, 0)):
            raise ValueError(f"npy version {version}")
        prefix = stream.read(length_bytes)
        length = int.from_bytes(prefix, "little")
        if len(prefix) < length_bytes or length > _MAX_HEADER:
            raise ValueError("its header is too long or cut off")
        text = stream.read(length)
        # Parsed by NumPy, from memory: only literals, and at most so many characters.
        replay = io.BytesIO(prefix + text)
        reader = npy_format.read_array_header_1_0 if length_bytes == 2 else npy_format.read_array_header_2_0
        shape, fortran, dtype = reader(replay, max_header_size=_MAX_HEADER)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, OverflowError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise DataError(f"{what} has no valid npy header ({reason})", file=file) from None
    if dtype.hasobject:
        raise DataError(
            f"{what} holds Python objects (a pickle), which are never loaded",
            file=file,
            hint="save it as numbers, or text labels with dtype=str",
        )
    if dtype.names or dtype.subdtype or not dtype.itemsize:
        raise DataError(f"{what} has the dtype {dtype}, which is no plain array of numbers", file=file)
    if any(not isinstance(length, int) or length < 0 for length in shape):
        raise DataError(f"{what} has the impossible shape {shape}", file=file)
    return shape, fortran, dtype, 6 + 2 + length_bytes + length
