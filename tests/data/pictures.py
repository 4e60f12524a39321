"""Images made for a test, and what the source image_folder makes of them."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.data.images import Wanted
from bpcli.data.records import Records
from bpcli.data.sources.image_folder import ImageFolder
from bpcli.files import Files

Image = pytest.importorskip("PIL.Image")

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
PLAIN = Wanted(3, None, "stretch", None)


def picture(mode: str = "RGB") -> Any:
    return Image.fromarray(PIXELS).convert(mode)


def encoded(image: Any, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()


def turned(orientation: int) -> Any:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *, bits: int = 8, colour: int = 2, body: bytes = b"\0" * 1000) -> bytes:
    """A PNG made by hand, so that its header can say anything."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def read(root: Path, *, target: bool = True, **fields: Any) -> Records:
    source = ImageFolder.model_validate({"path": "images", **fields})
    return source.read(Files(root), target=target)


def images_of(found: Records) -> np.ndarray:
    (column,) = found.features
    return column.values


def write_folder(root: Path) -> None:
    """images/cat/{1,2,10}.png, images/ant/x.JPG, each of one grey value; other files beside them."""
    for name, value in {"cat/1.png": 1, "cat/2.png": 2, "cat/10.png": 10, "ant/x.JPG": 99}.items():
        file = root / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        kind = "JPEG" if name.endswith("JPG") else "PNG"
        file.write_bytes(encoded(Image.new("L", (6, 5), value), kind))
    (root / "images" / "cat" / "notes.txt").write_text("not an image")
    (root / "images" / "README.md").write_text("where they come from")
    (root / "images" / ".hidden").mkdir()
    (root / "images" / "cat" / ".DS_Store").write_bytes(b"\0")
