"""A contact sheet: images in rows, each with its label below, as a PNG file."""

from __future__ import annotations

import io
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpcli.data.images import pillow
from bpcli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

#: Pixels: small images are enlarged, by a whole factor, to about this; around each cell; a line of text.
_CELL, _GAP, _LINE = 96, 8, 16
_PAPER, _INK = (255, 255, 255), (0, 0, 0)


def check_name(name: str) -> None:
    """Refuses, before anything is read, a file that cannot be a sheet."""
    if Path(name).suffix.lower() != ".png":
        raise UsageError(f"-o {name}: the name must end in .png")
    if Path(name).is_dir():
        raise UsageError(f"-o {name} is a folder", hint="name a file in it")


def write(path: Path, images: NDArray[np.uint8], labels: Sequence[str]) -> None:
    """Images (n, h, w, 1 or 3) as a sheet, about as high as wide. WriteError where it cannot be written."""
    from bpcli.cli.rows import opened

    buffer = io.BytesIO()
    draw(images, labels).save(buffer, format="PNG")
    with opened(path, binary=True) as file:
        file.write(buffer.getvalue())


def draw(images: NDArray[np.uint8], labels: Sequence[str]) -> Any:
    """The sheet as a Pillow image."""
    pil = pillow()
    n, h, w, _ = images.shape
    factor = max(1, _CELL // max(h, w))
    width, height = max(w * factor, _CELL // 2) + _GAP, h * factor + _LINE + _GAP
    columns = max(1, round(sqrt(n * height / width)))
    sheet = pil.Image.new("RGB", (columns * width + _GAP, ceil(n / columns) * height + _GAP), _PAPER)
    pen, font = pil.ImageDraw.Draw(sheet), pil.ImageFont.load_default()
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        x, y = _GAP + number % columns * width, _GAP + number // columns * height
        cell = pil.Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        sheet.paste(cell.resize((w * factor, h * factor), pil.Image.Resampling.NEAREST), (x, y))
        pen.text((x, y + h * factor + 1), _fitting(label, width - _GAP, pen, font), fill=_INK, font=font)
    return sheet


def _fitting(label: str, width: int, pen: Any, font: Any) -> str:
    """The label in what the font can draw, cut where it would run into the next."""
    try:
        pen.textlength(label, font=font)
    except UnicodeEncodeError:  # the bitmap font of a Pillow without FreeType
        label = label.encode("ascii", "replace").decode()
    if pen.textlength(label, font=font) <= width:
        return label
    while label and pen.textlength(label + "..", font=font) > width:
        label = label[:-1]
    return label + ".."
