"""The source image_folder: classes and images in order, sizes, and what is wrong with folders."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bpcli.data.images import Wanted, decode
from bpcli.data.sources.image_folder import ImageFolder
from bpcli.errors import DataError
from bpcli.files import Files

from .pictures import Image, encoded, images_of, picture, read, write_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path)
    return tmp_path


# --- folders --------------------------------------------------------------------------------------------


def test_classes_and_images_come_in_order(folder: Path) -> None:
    found = read(folder)
    assert images_of(found).shape == (4, 5, 6, 3)
    assert images_of(found).dtype == np.uint8
    assert images_of(found)[:, 0, 0, 0].tolist() == [99, 1, 10, 2]
    (label,) = found.targets
    assert (label.name, label.kind, label.values.tolist()) == ("label", "text", ["ant", "cat", "cat", "cat"])
    assert found.rows.tolist() == [0, 1, 2, 3]
    assert found.row_word == "image"
    assert images_of(read(folder, channels=1)).shape == (4, 5, 6, 1)


def test_the_target_can_be_named(folder: Path) -> None:
    source = ImageFolder.model_validate({"path": "images", "target": "animal"})
    assert [column.name for column in source.read(Files(folder)).targets] == ["animal"]


def test_the_digest_is_that_of_names_and_bytes(folder: Path) -> None:
    before = read(folder).digest
    assert read(folder).digest == before
    cat = folder / "images" / "cat"
    (cat / "notes.txt").write_text("changed, and no image")
    assert read(folder).digest == before
    (cat / "2.png").rename(cat / "3.png")
    renamed = read(folder).digest
    assert renamed != before
    (cat / "3.png").write_bytes(encoded(Image.new("L", (6, 5), 3)))
    assert read(folder).digest not in (before, renamed)


def test_for_predicting_images_may_lie_loose_or_alone(folder: Path) -> None:
    loose = ImageFolder(path="images").at(str(folder / "images" / "cat")).read(Files(folder), target=False)
    assert images_of(loose)[:, 0, 0, 0].tolist() == [1, 10, 2]
    assert not loose.targets
    one = ImageFolder(path="images").at(str(folder / "images" / "cat" / "2.png"))
    assert images_of(one.read(Files(folder), target=False))[:, 0, 0, 0].tolist() == [2]
    assert len(read(folder, target=False).targets) == 1, "class folders are read as such"


def test_what_is_wrong_with_folders_is_said(folder: Path) -> None:
    root = folder / "images"
    with pytest.raises(DataError, match="lie in no class folders"):
        ImageFolder(path="images/cat").read(Files(folder))
    with pytest.raises(DataError, match="this is a file; a folder is needed"):
        ImageFolder(path="images/cat/1.png").read(Files(folder))
    with pytest.raises(DataError, match="no folder or file nowhere"):
        ImageFolder(path="nowhere").read(Files(folder))
    (root / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: there is no PNG or JPEG image in this class's folder"):
        read(folder)
    (root / "empty" / "deeper").mkdir()
    with pytest.raises(DataError, match="a folder deeper in a class's folder"):
        read(folder)
    (root / "empty" / "deeper").rmdir()
    (root / "empty").rmdir()
    (root / "cat" / "b.webp").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"b\.webp: images in WEBP are not read"):
        read(folder)
    (root / "cat" / "b.webp").unlink()
    (root / "stray.png").write_bytes(encoded(picture()))
    with pytest.raises(DataError, match=r"stray\.png, …\) lie beside the folders ant and cat"):
        read(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_or_a_broken_link_is_refused(folder: Path) -> None:
    pipe = folder / "images" / "cat" / "pipe.png"
    os.mkfifo(pipe)
    with pytest.raises(DataError, match=r"pipe\.png: this is no regular file"):
        read(folder)
    pipe.unlink()
    pipe.symlink_to("nothing.png")
    with pytest.raises(DataError, match=r"pipe\.png: this is no regular file"):
        read(folder)


# --- sizes ----------------------------------------------------------------------------------------------


def test_images_of_several_sizes_need_a_size(folder: Path) -> None:
    (folder / "images" / "cat" / "2.png").write_bytes(encoded(Image.new("L", (7, 5), 2)))
    with pytest.raises(DataError, match=r"2\.png: image 3 is 5 × 7 .* 1 of 4 are not like it; set size"):
        read(folder)
    assert images_of(read(folder, size=[4, 8])).shape == (4, 4, 8, 3)
    assert images_of(read(folder, size=4)).shape == (4, 4, 4, 3)


def test_the_ways_to_fit() -> None:
    wide = np.zeros((10, 20, 3), np.uint8)
    wide[:, 5:15] = 200  # the middle half
    data = encoded(Image.fromarray(wide))
    stretch, crop, pad = (
        decode(data, Wanted(3, (10, 10), fit, None), "a.png") for fit in ("stretch", "crop", "pad")
    )
    assert crop.tolist() == np.full((10, 10, 3), 200).tolist()
    assert stretch[:, 0].max() < 30 < 150 < stretch[:, 5].min()
    assert pad[:2].max() == pad[-2:].max() == 0 < pad[5, 5, 0]
    white = decode(data, Wanted(3, (10, 10), "pad", "white"), "a.png")
    assert white[:2].min() == 255
