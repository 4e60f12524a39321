"""One PNG or JPEG file, as a viewer shows it, as bytes (h, w, channels); refused where that is not clear.

The header is read and judged before a pixel is decoded.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bpcli.data.jpeg import ends_early
from bpcli.errors import DataError, UsageError

#: Larger than any photograph that a net is fed with; a few kilobytes can claim to be thousands of times that.
MAX_PIXELS = 1 << 26
_MAX_BYTES = 1 << 28
#: EXIF orientations that lay an image on its side.
_SIDEWAYS = frozenset({5, 6, 7, 8})
_ORIENTATION = 0x0112
_ANEW = "fetch it anew, or remove it"
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")

Fit = Literal["stretch", "crop", "pad"]
Background = Literal["white", "black"]


class Wanted(NamedTuple):
    """What every image is made into. Without a size it must have that of all the others."""

    channels: int
    size: tuple[int, int] | None
    fit: Fit
    background: Background | None


def pillow() -> Any:
    """The module PIL; UsageError with the install command where it is missing."""
    try:
        import PIL.Image
        import PIL.ImageDraw
        import PIL.ImageFont
        import PIL.ImageOps
    except ImportError:
        raise UsageError(
            "images need Pillow, which is not installed", hint="pip install 'bpcli[images]'"
        ) from None
    return PIL


def size_of(path: Path, file: str) -> tuple[int, int]:
    """(height, width) as shown, from the header alone; DataError for what is refused."""
    try:
        if not path.is_file():
            raise DataError("this is no regular file", file=file)
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path.stat().st_size:,} bytes are too large for an image", file=file)
        with path.open("rb") as stream, _opened(stream, file) as image:
            return _shown_size(image)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=file) from None


def decode(data: bytes, wanted: Wanted, file: str) -> NDArray[np.uint8]:
    """The image (h, w, channels) of a file's bytes; DataError for what is damaged or refused."""
    ops, modes = pillow().ImageOps, pillow().Image
    with _opened(io.BytesIO(data), file) as image, _whole(file):
        if image.format == "PNG":
            image.verify()  # checksums, which decoding alone does not look at
    with _opened(io.BytesIO(data), file) as image, _whole(file):
        size = _shown_size(image)
        image.load()
        if image.format != "PNG" and ends_early(data, image, modes):
            raise DataError(
                "the image is damaged: its data end before its last pixels", file=file, hint=_ANEW
            )
        image = ops.exif_transpose(image)
        if (image.height, image.width) != size:
            raise DataError("the image's orientation is not in its header", file=file, hint="save it anew")
        image = _without_alpha(image, wanted.background, file, modes)
        image = image.convert("L" if wanted.channels == 1 else "RGB")
        if wanted.size is not None and wanted.size != (image.height, image.width):
            image = _resized(image, wanted, ops, modes)
        return np.asarray(image, dtype=np.uint8).reshape(image.height, image.width, wanted.channels)


def _shown_size(image: Any) -> tuple[int, int]:
    width, height = image.size
    if image.format == "PNG" and "exif" not in image.info:
        return height, width  # asking for it would decode the pixels, to look behind them
    return (width, height) if image.getexif().get(_ORIENTATION) in _SIDEWAYS else (height, width)


@contextmanager
def _opened(stream: Any, file: str) -> Iterator[Any]:
    """An image whose header has been found good; its pixels are not decoded yet."""
    images = pillow().Image
    head = stream.read(8)
    stream.seek(0)
    with _whole(file), warnings.catch_warnings():
        warnings.simplefilter("ignore", images.DecompressionBombWarning)
        try:
            image = images.open(stream, formats=("PNG", "JPEG"))
        except images.UnidentifiedImageError:
            if head.startswith(_SIGNATURES):
                raise DataError(
                    "the image is damaged: its header cannot be read", file=file, hint=_ANEW
                ) from None
            begins = f"it begins with {head[:8].hex(' ')}" if head else "it is empty"
            raise DataError(
                f"this is neither a PNG nor a JPEG image: {begins}",
                file=file,
                hint="convert it, or remove it",
            ) from None
        except images.DecompressionBombError:
            raise _too_large(file, "far more pixels") from None
    with image:
        _check(image, file)
        yield image


def _check(image: Any, file: str) -> None:
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise _too_large(file, f"{image.width:,} × {image.height:,} = {pixels:,} pixels, more")
    if image.format == "PNG" and "16" in str(image.tile[0][3]):
        raise DataError(
            "the image has 16 bits in each channel, of which 8 would be lost",
            file=file,
            hint="convert it to 8 bits, or keep the 16 in an array (source npz)",
        )
    if image.format == "PNG" and getattr(image, "n_frames", 1) > 1:
        raise DataError(f"the image has {image.n_frames} frames", file=file, hint="save one of them")
    if image.mode not in {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}:
        raise DataError(
            f"the image has the colours {image.mode}, which cannot be shown without a colour profile"
            if image.mode in {"CMYK", "YCCK", "LAB"}
            else f"the image is of the kind {image.mode}",
            file=file,
            hint="convert it to RGB or grey with 8 bits",
        )


def _too_large(file: str, what: str) -> DataError:
    return DataError(
        f"the image says it has {what} than the {MAX_PIXELS:,} allowed",
        file=file,
        hint="make it smaller, or remove it",
    )


@contextmanager
def _whole(file: str) -> Iterator[None]:
    """Whatever Pillow's decoders raise (they raise many things) means that the file is damaged."""
    try:
        yield
    except (DataError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(f"the image is damaged ({reason})", file=file, hint=_ANEW) from None


def _without_alpha(image: Any, background: Background | None, file: str, modes: Any) -> Any:
    """The image on its background; as it is where nothing shines through."""
    if "transparency" not in image.info and image.mode not in {"LA", "PA", "RGBA"}:
        return image
    image = image.convert("RGBA")
    if image.getchannel("A").getextrema()[0] == 255:
        return image.convert("RGB")
    if background is None:
        raise DataError(
            "the image has transparent pixels",
            file=file,
            hint="set background: white (or black) on the source, for what shines through",
        )
    below = modes.new("RGBA", image.size, background)
    return modes.alpha_composite(below, image).convert("RGB")


def _resized(image: Any, wanted: Wanted, ops: Any, modes: Any) -> Any:
    assert wanted.size is not None
    size, way = (wanted.size[1], wanted.size[0]), modes.Resampling.BILINEAR
    if wanted.fit == "crop":
        return ops.fit(image, size, method=way)
    if wanted.fit == "pad":
        return ops.pad(image, size, method=way, color=wanted.background or "black")
    return image.resize(size, way)
