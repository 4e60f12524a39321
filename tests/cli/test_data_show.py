"""`bpcli data show`: a sheet of images, or the first rows of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .conftest import Cli

CONFIG = """\
version: 1
name: pictures
seed: 3
data:
  source: {type: npz, path: pictures.npz}
  split: {type: random, train: 1.0, val: 0.0, test: 0.0}
  preprocess: [{type: standardize, per: channel}]
  batch_size: 8
model: {type: mlp, hidden: [6]}
"""


@pytest.fixture
def pictures(work: Path) -> Path:
    """pictures.npz: 12 images 8 × 6 × 3 of bytes, the n-th with a column of its own; and pictures.yaml."""
    x = np.zeros((12, 8, 6, 3), np.uint8)
    for i in range(12):
        x[i, :, i % 6] = [255, 20 * i, 0]
    np.savez(work / "pictures.npz", x=x, y=np.array(["left", "middle", "right"] * 4))
    (work / "pictures.yaml").write_text(CONFIG)
    return work


def sheet(file: Path) -> Any:
    image = pytest.importorskip("PIL.Image")
    with image.open(file) as opened:
        return np.asarray(opened.convert("RGB"))


def test_a_sheet_shows_the_images_as_they_were(cli: Cli, pictures: Path) -> None:
    """Preprocessing is undone: a cell of the sheet is the image itself, enlarged."""
    found = cli("data", "show", "pictures.yaml", "data.shuffle=false", "-o", "sheet.png")
    assert (found.code, found.out) == (0, "12 images -> sheet.png\n")
    drawn = sheet(pictures / "sheet.png")
    with np.load(pictures / "pictures.npz") as arrays:
        cells = [arrays["x"][i].repeat(12, axis=0).repeat(12, axis=1) for i in (0, 1)]
    assert np.abs(drawn[8:104, 8:80].astype(int) - cells[0]).max() <= 1
    assert np.abs(drawn[8:104, 88:160].astype(int) - cells[1]).max() <= 1
    below = drawn[105:120, 8:80]
    assert below.min() < 100 < below.max(), "its label"
    assert not list(pictures.glob(".*tmp"))


def test_augmentation_is_shown_and_changes_with_the_epoch(cli: Cli, pictures: Path) -> None:
    def shown(*options: str) -> Any:
        assert cli("data", "show", "pictures.yaml", "data.shuffle=false", "-o", "a.png", *options).code == 0
        return sheet(pictures / "a.png")

    plain, first, again, second = (
        shown(),
        shown("data.augment=[affine]"),
        shown("data.augment=[affine]"),
        shown("data.augment=[affine]", "--epoch", "2"),
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, plain)
    assert not np.array_equal(first, second)


def test_the_sheet_is_what_training_sees(cli: Cli, pictures: Path) -> None:
    from bpcli.spec.load import load
    from bpcli.train.preview import preview
    from bpcli.train.session import prepared_trainer

    loaded = load("pictures.yaml", ["data.augment=[elastic, noise]", "data.batch_size=12"])
    for epoch in (0, 1):
        seen = next(prepared_trainer(loaded).feed.batches(epoch, 0))
        assert np.array_equal(preview(loaded, 12, epoch=epoch + 1).x, seen.x)


def test_json_and_a_name_of_its_own(cli: Cli, pictures: Path) -> None:
    pytest.importorskip("PIL")
    found = cli("data", "show", "pictures.yaml", "--n", "5", "--json").json
    assert found["output"] == "pictures-data.png"
    assert len(found["rows"]) == len(found["labels"]) == 5
    assert set(found["labels"]) <= {"left", "middle", "right"}
    assert (pictures / "pictures-data.png").exists()


def test_mixtures_say_their_shares(cli: Cli, pictures: Path) -> None:
    pytest.importorskip("PIL")
    found = cli("data", "show", "pictures.yaml", "data.augment=[{type: mixup, alpha: 1}]", "--json").json
    mixed = [label.split() for label in found["labels"] if " " in label]
    assert mixed
    assert all(float(one[1]) >= float(one[3]) and float(one[1]) + float(one[3]) > 0.98 for one in mixed)


def test_a_table_is_printed(cli: Cli, work: Path) -> None:
    found = cli(
        "data", "show", "clouds.yaml", "--n", "3", "data.shuffle=false", "data.preprocess=[standardize]"
    )
    assert found.code == 0
    head, *rows = found.out.splitlines()
    assert head.split() == ["row", "target", "a", "b"]
    assert len(rows) == 3
    assert {row.split()[1] for row in rows} <= {"north", "south"}
    assert len(cli("data", "show", "clouds.yaml").out.splitlines()) == 11
    as_json = cli("data", "show", "clouds.yaml", "--n", "2", "--json").json["rows"]
    assert [set(row) for row in as_json] == [{"row", "target", "input"}] * 2
    assert set(as_json[0]["input"]) == {"a", "b"}


def test_values_are_shown_in_their_units(cli: Cli, work: Path) -> None:
    found = cli("data", "show", "diabetes-mlp", "--n", "4", "--json").json["rows"]
    assert all(25 <= float(row["target"]) <= 346 for row in found)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["clouds.yaml", "-o", "a.png"], "this data holds no images to draw"),
        (["clouds.yaml", "-o", "a.jpg"], "must end in .png"),
        (["clouds.yaml", "--n", "0"], "--n"),
        (["clouds.yaml", "data.augment=[flip]"], "flip changes images, and the input is 2"),
        (["cluods.yaml"], "no config file"),
    ],
)
def test_what_is_wrong_is_said(cli: Cli, work: Path, arguments: list[str], reason: str) -> None:
    found = cli("data", "show", *arguments)
    assert found.code == 2
    assert reason in found.err


def test_a_sheet_that_cannot_be_written(cli: Cli, pictures: Path) -> None:
    pytest.importorskip("PIL")
    found = cli("data", "show", "pictures.yaml", "-o", "nowhere/a.png")
    assert found.code == 4
    assert "nowhere" in found.err


def test_help_names_the_command(cli: Cli, work: Path) -> None:
    assert "show" in cli("data", "--help").out
    wrong = cli("data", "shwo")
    assert wrong.code == 2
    assert "show" in wrong.err
