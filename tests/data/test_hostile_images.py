"""Odd images through the source image_folder: shown as a viewer shows them, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.data.images import decode, size_of
from bpcli.errors import DataError, UsageError

from .pictures import PIXELS, PLAIN, Image, encoded, picture, png, read, turned, write_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path)
    return tmp_path


def test_plain_images_are_exact() -> None:
    assert np.array_equal(decode(encoded(picture()), PLAIN, "a.png"), PIXELS)
    grey = np.asarray(picture("L"))
    assert np.array_equal(
        decode(encoded(picture("L")), PLAIN, "a.png"), np.repeat(grey[..., None], 3, axis=2)
    )
    assert np.array_equal(decode(encoded(picture()), PLAIN._replace(channels=1), "a.png")[..., 0], grey)
    black_white = picture("1")
    made = decode(encoded(black_white), PLAIN._replace(channels=1), "a.png")
    assert set(np.unique(made)) == {0, 255}
    slope = np.add.outer(np.arange(0, 200, 10), np.arange(0, 50, 5))[..., None] + np.array([0, 3, 6])
    photo = encoded(Image.fromarray(slope.astype(np.uint8)), "JPEG", quality=98)
    assert np.abs(decode(photo, PLAIN, "a.jpg") - slope).max() < 8


def test_a_palette_is_looked_up() -> None:
    palette = picture().quantize(8)
    expected = np.asarray(palette.convert("RGB"))
    assert np.array_equal(decode(encoded(palette), PLAIN, "a.png"), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_orientation_is_applied(tmp_path: Path, orientation: int, kind: str) -> None:
    right = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
        5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: np.rot90,
    }[orientation]  # fmt: skip
    data = encoded(picture(), kind, exif=turned(orientation))
    plain = decode(encoded(picture(), kind), PLAIN, "a")
    made = decode(data, PLAIN, "a")
    assert np.array_equal(made, right(plain))
    file = tmp_path / "a"
    file.write_bytes(data)
    assert size_of(file, "a") == made.shape[:2]


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_transparent_pixels_need_a_background(mode: str) -> None:
    if mode == "P":
        image = picture().quantize(8)
        data = encoded(image, transparency=0)
        see_through = np.asarray(image) == 0
        colours = np.asarray(image.convert("RGB")).copy()
    else:
        image = picture(mode)
        alpha = Image.fromarray(
            np.where(np.arange(30) < 10, 0, 255).astype(np.uint8)[None].repeat(20, axis=0)
        )
        image.putalpha(alpha)
        data = encoded(image)
        see_through = np.asarray(alpha) == 0
        colours = np.asarray(image.convert("RGB")).copy()
    with pytest.raises(DataError, match=r"a\.png: the image has transparent pixels; set background: white"):
        decode(data, PLAIN, "a.png")
    for background, value in (("white", 255), ("black", 0)):
        made = decode(data, PLAIN._replace(background=background), "a.png")  # type: ignore[arg-type]
        colours[see_through] = value
        assert np.array_equal(made, colours)


def test_an_alpha_channel_that_hides_nothing_is_left_out() -> None:
    image = picture("LA")
    image.putalpha(255)
    assert np.array_equal(decode(encoded(image), PLAIN, "a.png")[..., 0], np.asarray(picture("L")))


JPEG = encoded(picture(), "JPEG", quality=90)
PROGRESSIVE = encoded(picture(), "JPEG", quality=90, progressive=True)

REFUSED = {
    "text.png": (b"this was a text file", "neither a PNG nor a JPEG image: it begins with 74 68 69 73"),
    "gif.png": (encoded(picture("L"), "GIF"), "neither a PNG nor a JPEG"),
    "empty.jpg": (b"", "it is empty"),
    "half.png": (encoded(picture())[:700], "the image is damaged"),
    "no_end.png": (encoded(picture())[:-12], "the image is damaged"),
    "header.png": (encoded(picture())[:20], "the image is damaged"),
    "half.jpg": (encoded(picture(), "JPEG")[:700], "the image is damaged"),
    "no_end.jpg": (encoded(picture(), "JPEG")[:-2], "the image is damaged"),
    "half_and_end.jpg": (JPEG[: len(JPEG) * 3 // 4] + JPEG[-2:], "its data end before its last pixels"),
    "passes.jpg": (PROGRESSIVE[: len(PROGRESSIVE) // 2] + JPEG[-2:], "its data end before its last pixels"),
    "zeros.jpg": (JPEG[: len(JPEG) * 3 // 4] + bytes(len(JPEG) // 4), "its data end before its last pixels"),
    "zeros.png": (encoded(picture())[:700] + bytes(1000), "the image is damaged"),
    "page.jpg": (b"<!DOCTYPE html>", "neither a PNG nor a JPEG"),
    "cmyk.jpg": (encoded(picture("CMYK"), "JPEG"), "colours CMYK, which cannot be shown"),
    "grey16.png": (encoded(Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)), "has 16 bits"),
    "rgb16.png": (png(4, 3, bits=16, body=bytes(3 * 25)), "has 16 bits in each channel"),
    "rgba16.png": (png(4, 3, bits=16, colour=6, body=bytes(3 * 33)), "has 16 bits in each channel"),
    "huge.png": (png(100_000, 10_000), "far more pixels than the 67,108,864 allowed"),
    "large.png": (png(10_000, 10_000), "10,000 × 10,000 = 100,000,000 pixels"),
    "frames.png": (encoded(picture(), save_all=True, append_images=[Image.new("RGB", (30, 20))]), "2 frames"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSED))
@pytest.mark.parametrize("background", [None, "white"])
def test_what_cannot_be_shown_truly_is_refused_by_name(folder: Path, name: str, background: Any) -> None:
    data, reason = REFUSED[name]
    (folder / "images" / "cat" / name).write_bytes(data)
    with pytest.raises(DataError, match=reason) as caught:
        read(folder, size=8, background=background)
    assert caught.value.problems[0].file is not None
    assert caught.value.problems[0].file.endswith(name)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_was_cut_off_and_closed_again_is_found(progressive: bool) -> None:
    """A decoder fills up with grey and says nothing. Between its passes a progressive image is whole."""
    data = JPEG if not progressive else PROGRESSIVE
    whole = decode(data, PLAIN, "a.jpg")
    begin, other, cuts = data.index(b"\xff\xda") + 20, 0, 0
    for at in range(begin, len(data) - 2, 5):
        cuts += 1
        try:
            made = decode(data[:at] + data[-2:], PLAIN, "a.jpg")
        except DataError:
            continue
        other += not np.array_equal(made, whole)
    assert cuts > 100
    assert other <= (0.05 * cuts if progressive else 0)


@pytest.mark.parametrize("size", [(30, 20), (1, 1), (8, 8), (37, 51)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_whole_jpeg_of_any_kind_is_read(size: tuple[int, int], mode: str) -> None:
    for image in (picture(mode).resize(size), Image.new(mode, size)):
        for options in ({}, {"progressive": True}, {"restart_marker_rows": 1}, {"optimize": True}):
            for subsampling in (0, 2):
                data = encoded(image, "JPEG", subsampling=subsampling, **options)
                for trailer in (b"", b"what a phone adds"):
                    assert decode(data + trailer, PLAIN, "a.jpg").shape == (size[1], size[0], 3)


def test_a_trailing_0xff_makes_no_marker_with_what_is_put_in() -> None:
    data = JPEG[:-2]
    at = next(n for n in range(len(data) - 400, len(data)) if data[n] == 0xFF and data[n + 1] == 0)
    with pytest.raises(DataError, match="its data end before"):
        decode(data[: at + 1] + JPEG[-2:], PLAIN, "a.jpg")
    whole = decode(JPEG, PLAIN, "a.jpg")
    assert np.array_equal(decode(data + b"\xff" + JPEG[-2:], PLAIN, "a.jpg"), whole)


def test_more_than_the_memory_is_refused_with_a_remedy(folder: Path) -> None:
    with pytest.raises(DataError, match=r"4 images of 9000000 × 9000000 × 3 need .* GiB.*set size"):
        read(folder, size=9_000_000)


def test_a_flipped_bit_of_a_png_is_found() -> None:
    """Every bit of every byte after the signature is under a checksum, or makes the header wrong."""
    data = encoded(picture().resize((6, 5)))
    for at in range(8, len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << (at % 8)
        try:
            made = decode(bytes(damaged), PLAIN, "a.png")
        except DataError:
            continue
        assert at >= len(data) - 12, at  # the end marker holds nothing
        assert np.array_equal(made, decode(data, PLAIN, "a.png"))


def test_a_header_is_judged_before_pixels_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(self: Any) -> None:
        raise AssertionError("pixels were decoded")

    from PIL import ImageFile

    file = tmp_path / "large.png"
    file.write_bytes(png(30_000, 5_000))
    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(DataError, match="150,000,000 pixels"):
        size_of(file, "large.png")
    file.write_bytes(png(30, 50))
    assert size_of(file, "large.png") == (50, 30)


def test_without_pillow_the_command_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("PIL"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UsageError, match=r"pip install 'bpcli\[images\]'"):
        read(folder)
