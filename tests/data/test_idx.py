"""The idx source: MNIST's format, gz or not."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.data.sources.idx import Idx
from bpcli.errors import DataError
from bpcli.files import Files

_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array: np.ndarray) -> bytes:
    code = _CODES[array.dtype.str[1:]]
    return (
        struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
        + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([7, 1], dtype=np.uint8)


def write(folder: Path, images: bytes, labels: bytes | None = None) -> None:
    (folder / "t-images-idx3-ubyte").write_bytes(images)
    if labels is not None:
        (folder / "t-labels-idx1-ubyte").write_bytes(labels)


def load(folder: Path, *, wants_target: bool = True, **fields: Any) -> Any:
    source = Idx.model_validate({"images": "t-images-idx3-ubyte", **fields})
    return source.read(Files(folder), target=wants_target)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_images_and_the_labels_beside_them(tmp_path: Path, pack: Any) -> None:
    write(tmp_path, pack(idx(IMAGES)), pack(idx(LABELS)))
    found = load(tmp_path)
    (column,) = found.features
    assert (column.name, column.kind, column.values.dtype) == ("image", "array", np.uint8)
    assert np.array_equal(column.values, IMAGES[..., None])
    assert found.targets[0].values.tolist() == [7.0, 1.0]
    assert (found.rows.tolist(), found.row_word) == ([0, 1], "image")


@pytest.mark.parametrize("dtype", list(_CODES))
def test_every_type_of_element(tmp_path: Path, dtype: str) -> None:
    images = np.array([[[1, -2], [3, 4]]]).astype(dtype)
    write(tmp_path, idx(images), idx(LABELS[:1]))
    values = load(tmp_path).features[0].values
    assert values.dtype == np.dtype(dtype)
    assert np.array_equal(values[..., 0], images)


def test_two_and_four_axes(tmp_path: Path) -> None:
    write(tmp_path, idx(IMAGES.reshape(2, 12)), idx(LABELS))
    assert load(tmp_path).features[0].values.shape == (2, 12)
    write(tmp_path, idx(IMAGES.reshape(2, 2, 2, 3)), idx(LABELS))
    assert load(tmp_path).features[0].values.shape == (2, 2, 2, 3)


def test_new_images_need_no_labels(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(idx(IMAGES))
    with pytest.raises(DataError, match="labels of mine"):
        Idx(images="x-images").at("mine").read(Files(tmp_path))
    found = Idx(images="x-images", labels="x-labels").at("mine").read(Files(tmp_path), target=False)
    assert list(found.targets) == []


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (b"", idx(LABELS), "not an IDX file: it begins with nothing"),
        (b"\x89PNG....", idx(LABELS), "it begins with 89 50 4e 47"),
        (idx(IMAGES)[:10], idx(LABELS), "the IDX header is cut off"),
        (idx(IMAGES)[:-1], idx(LABELS), "needs 24 bytes after the header, and there are 23"),
        (idx(IMAGES) + b"x", idx(LABELS), "goes on after its end"),
        (gzip.compress(idx(IMAGES)[:-1], mtime=0), idx(LABELS), "is cut off"),
        (gzip.compress(idx(IMAGES) + b"x", mtime=0), idx(LABELS), "goes on after its end"),
        (gzip.compress(idx(IMAGES), mtime=0)[:-9], idx(LABELS), "gz file is cut off"),
        (gzip.compress(idx(IMAGES), mtime=0)[:-8] + b"12345678", idx(LABELS), "gz file is damaged"),
        (idx(IMAGES), idx(LABELS[:1]), "'images' 2, 'labels' 1"),
        (idx(IMAGES), idx(IMAGES), "the labels are an array of shape (2, 3, 4)"),
        (idx(LABELS), idx(LABELS), "these look like labels"),
        (idx(IMAGES[:0]), idx(LABELS[:0]), "has no rows"),
        (idx(np.array([[[1.0, np.nan]]], dtype="f4")), idx(LABELS[:1]), "not finite in image 0"),
        (idx(IMAGES), None, "there is no data file t-labels-idx1-ubyte"),
    ],
)  # fmt: skip
def test_errors(tmp_path: Path, images: bytes, labels: bytes | None, message: str) -> None:
    write(tmp_path, images, labels)
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_huge_claim_takes_no_memory(tmp_path: Path, pack: Any) -> None:
    write(tmp_path, pack(struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 2**31)), idx(LABELS))
    with pytest.raises(DataError, match=r"is cut off|far more than"):
        load(tmp_path)


def test_a_gz_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpcli.data.arrays._FREE_BYTES", 1 << 20)
    shape = (4, 1024, 1024)
    head = struct.pack(">HBB3I", 0, 8, 3, *shape)
    write(tmp_path, gzip.compress(head + bytes(4 << 20), compresslevel=1, mtime=0), idx(LABELS))
    with pytest.raises(DataError, match="times as many"):
        load(tmp_path)
