"""Images that lie in folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

import numpy as np
from pydantic import BeforeValidator, Field, PositiveInt
from pydantic_core import PydanticCustomError

from bpcli.data.cells import listed, shown
from bpcli.data.records import Column, Records
from bpcli.data.sources.base import Source
from bpcli.errors import DataError
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.files import Files

_READ = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif"})
#: Images in formats that are not read: left out they would be missed, so they are an error.
_OTHER = frozenset(
    {".gif", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2", ".ico", ".tga", ".ppm",
     ".pgm", ".svg", ".jxl"}
)  # fmt: skip
_NOT_CLASSES = frozenset({"__MACOSX", "__pycache__"})


class Reader:
    """Reads [height, width] as a tuple, and says in one phrase what else a size may be."""

    words = "a positive whole number or [height, width]"

    def __call__(self, value: Any) -> Any:
        read = tuple(cast("list[Any]", value)) if isinstance(value, list) else value
        numbers: tuple[Any, ...] = read if isinstance(read, tuple) else (read, read)
        if read is not None and (len(numbers) != 2 or any(type(n) is not int or n < 1 for n in numbers)):
            raise PydanticCustomError("size", "expected {words}", {"words": self.words})
        return read


Size = Annotated[PositiveInt | tuple[PositiveInt, PositiveInt] | None, BeforeValidator(Reader())]


class ImageFolder(Source):
    """Reads PNG and JPEG files, a folder for each class: bytes (n, h, w, channels), as a viewer shows them.

    The target is the name of the folder. Images are numbered from 0, by class and then by file name, in the
    order of their letters' codes; for predicting they may lie in one folder, or be one file. All must have
    one size, unless `size` is given. Palettes and the orientation in EXIF are applied, grey and colour are
    converted into each other (Y = .299 R + .587 G + .114 B); colour profiles are not applied. Refused by
    name: what is damaged, 16 bits, CMYK, several frames, more than 2²⁶ pixels, transparent pixels without a
    `background`, other formats. (JPEG has no checksums: what was cut off is found, changed pixels are not.)
    Needs Pillow (`pip install 'bpcli[images]'`).
    """

    type: Literal["image_folder"] = "image_folder"
    path: str = Field(description="the folder, relative to the config")
    size: Size = Field(
        default=None, description="height and width that all images are brought to; one number is both"
    )
    fit: Literal["stretch", "crop", "pad"] = Field(
        default="stretch",
        description="how: sides scaled apart, or alike and what is too much cut off, or too little filled up",
    )
    channels: Literal[1, 3] = Field(default=3, description="1 grey, 3 red, green and blue")
    background: Literal["white", "black"] | None = Field(
        default=None, description="behind transparent pixels, and beside images with fit: pad (there: black)"
    )
    target: str = Field(default="label", description="the name of the target")

    examples: ClassVar = (
        Example({"path": "photos"}),
        Example({"path": "photos", "size": [32, 48], "fit": "crop", "channels": 1, "background": "white"}),
    )

    def at(self, path: str) -> ImageFolder:
        return self.replace(path=path)

    def read(self, files: Files, *, target: bool = True) -> Records:
        from hashlib import sha256

        from bpcli.data.images import Wanted, decode, size_of

        root = files.find(self.path, folder=True)
        paths, labels = _files(root, target=target)
        sizes = [size_of(path, shown(path)) for path in paths]
        asked = (self.size, self.size) if isinstance(self.size, int) else self.size
        size = asked or self._common(paths, sizes)
        wanted = Wanted(self.channels, asked, self.fit, self.background)
        try:
            images = np.empty((len(paths), *size, self.channels), np.uint8)
        except MemoryError:
            need = len(paths) * size[0] * size[1] * self.channels
            raise DataError(
                f"{len(paths):,} images of {size[0]} × {size[1]} × {self.channels} need "
                f"{need / 2**30:,.1f} GiB, more than there is",
                file=shown(root),
                hint="set size on the source to something smaller",
            ) from None
        digest = sha256()
        for number, path in enumerate(paths):
            try:
                data = path.read_bytes()
            except OSError as error:
                raise DataError(f"cannot be read: {error.strerror}", file=shown(path)) from None
            name = _name(path.relative_to(root) if path != root else Path(path.name), shown(path))
            digest.update(f"{name}\n{len(data)}\n".encode() + data)
            image = decode(data, wanted, shown(path))
            if image.shape != images.shape[1:]:
                raise DataError("the file changed while it was read", file=shown(path))
            images[number] = image
        targets: list[Column] = []
        if labels is not None:
            values = np.empty(len(labels), dtype=object)
            values[:] = labels
            targets = [Column(self.target, "text", values)]
        rows = np.arange(len(paths), dtype=np.int64)
        features = [Column("image", "array", images)]
        return Records(features, targets, None, rows, shown(root), "image", digest.hexdigest())

    def _common(self, paths: list[Path], sizes: list[tuple[int, int]]) -> tuple[int, int]:
        """The one size of all images; DataError where there are several."""
        first = sizes[0]
        others = [number for number, size in enumerate(sizes) if size != first]
        if others:
            h, w = sizes[others[0]]
            raise DataError(
                f"image {others[0]} is {h} × {w} (height × width), and image 0, {paths[0].name}, is "
                f"{first[0]} × {first[1]}; {len(others):,} of {len(paths):,} are not like it",
                file=shown(paths[others[0]]),
                hint=f"set size on the source, for example size: [{first[0]}, {first[1]}]",
            )
        return first


def _files(root: Path, *, target: bool) -> tuple[list[Path], list[str] | None]:
    """The images in order, and the class of each, or None where they lie in no class folders."""
    if not root.is_dir():
        if target:
            raise DataError(
                "this is a file; a folder is needed, with a folder of images for each class", file=shown(root)
            )
        return [root], None
    loose = _images(root)
    folders = [path for path in _listed(root) if path.is_dir() and path.name not in _NOT_CLASSES]
    if loose and folders:
        raise DataError(
            f"{len(loose):,} images ({loose[0].name}, …) lie beside the folders "
            f"{listed([path.name for path in folders], 3)}, and so in no class",
            file=shown(root),
            hint="move them into a folder of their class",
        )
    if folders:
        found = [(path, _name(folder, shown(folder))) for folder in folders for path in _class(folder)]
        return [path for path, _ in found], [label for _, label in found]
    if not loose:
        raise DataError("there is no PNG or JPEG image in it", file=shown(root))
    if target:
        raise DataError(
            "the images lie in no class folders, so their classes are unknown",
            file=shown(root),
            hint="a folder for each class, and the images of the class in it",
        )
    return loose, None


def _class(folder: Path) -> list[Path]:
    images = _images(folder)
    deeper = [path for path in _listed(folder) if path.is_dir() and path.name not in _NOT_CLASSES]
    if deeper:
        raise DataError(
            f"there is a folder {deeper[0].name} in a class's folder",
            file=shown(folder),
            hint="the images of a class lie directly in its folder",
        )
    if not images:
        raise DataError(
            "there is no PNG or JPEG image in this class's folder",
            file=shown(folder),
            hint="remove the folder",
        )
    return images


def _images(folder: Path) -> list[Path]:
    """The image files of a folder in order; other files are left alone, other images refused."""
    found = [path for path in _listed(folder) if not path.is_dir()]
    other = [path for path in found if path.suffix.lower() in _OTHER]
    if other:
        raise DataError(
            f"images in {other[0].suffix[1:].upper()} are not read",
            file=shown(other[0]),
            hint="convert it to PNG or JPEG, or move it away",
        )
    return [path for path in found if path.suffix.lower() in _READ]


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(
            (path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.name
        )
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=shown(folder)) from None


def _name(path: Path, file: str) -> str:
    """A path as text, alike on every system; DataError for a name that is no valid text."""
    text = path.as_posix() if not path.is_absolute() else path.name
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError("the name is not valid text", file=file, hint="rename it") from None
    return text
