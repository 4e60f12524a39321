"""Decodes one IDX file: a magic number, the axes' lengths, then the elements, all big-endian."""

from __future__ import annotations

import io
import math
import zlib
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from bpcli.data.arrays import bound_growth
from bpcli.errors import DataError

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path, file: str) -> tuple[NDArray[Any], str]:
    """(array in native byte order, SHA-256 of the file as it lies on disk); `file` is its name in errors."""
    from hashlib import sha256

    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=file) from None
    digest = sha256(data).hexdigest()
    if data[:2] != b"\x1f\x8b":
        return _decode(io.BytesIO(data), len(data), None, file), digest
    import gzip

    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            return _decode(stream, None, len(data), file), digest
    except EOFError:
        raise DataError("the gz file is cut off", file=file) from None
    except (OSError, zlib.error) as error:
        raise DataError(f"the gz file is damaged ({error})", file=file) from None


def _decode(stream: io.BufferedIOBase, size: int | None, packed: int | None, file: str) -> NDArray[Any]:
    """The array; `size` is the number of bytes of a plain file, `packed` that of a gz one."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or not 1 <= magic[3] <= 8:
        raise DataError(
            f"this is not an IDX file: it begins with {magic.hex(' ') or 'nothing'}",
            file=file,
            hint="the first bytes are 00 00, the type (08 for bytes) and the number of axes",
        )
    dtype = np.dtype(_TYPES[magic[2]])
    lengths = stream.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise DataError("the IDX header is cut off", file=file)
    shape = tuple(int.from_bytes(lengths[at : at + 4], "big") for at in range(0, len(lengths), 4))
    expected = math.prod(shape) * dtype.itemsize
    header = 4 + len(lengths)
    if size is not None and size != header + expected:
        _wrong_length(shape, expected, size - header, file)
    if packed is not None:
        # Deflate cannot shrink anything by more than this, so a larger claim is false: do not allocate it.
        if expected > 1032 * packed:
            raise DataError(
                f"the file says it holds {shape}, far more than its {packed:,} bytes can", file=file
            )
        bound_growth(packed, expected, file=file)
    body = stream.read(expected)
    if len(body) != expected or stream.read(1):
        _wrong_length(shape, expected, len(body) + len(stream.read(1)), file)
    return np.frombuffer(body, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _wrong_length(shape: tuple[int, ...], expected: int, found: int, file: str) -> NoReturn:
    what = "is cut off" if found < expected else "goes on after its end"
    raise DataError(
        f"the file {what}: {shape} needs {expected:,} bytes after the header"
        + (f", and there are {found:,}" if found < expected else ""),
        file=file,
    )
