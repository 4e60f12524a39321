"""Images and labels in the format of MNIST."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from bpcli.data.cells import shown
from bpcli.data.records import Column, Records
from bpcli.data.sources.base import Source
from bpcli.errors import DataError
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.files import Files


class Idx(Source):
    """Reads IDX files, gz or not: images (n, h, w) or (n, h, w, c), or rows (n, features); rows count from 0.

    The input is one array column `image`, channels last and in the file's dtype: MNIST is (n, 28, 28, 1) of
    bytes. Labels, the target `label`, are (n,). Where `labels` is not given they are looked for beside the
    images, under the same name with `images` replaced by `labels` and `idx3` by `idx1`. Sizes are checked
    against the header before memory is taken.
    """

    type: Literal["idx"] = "idx"
    images: str = Field(description="the file of images, relative to the config")
    labels: str | None = Field(None, description="the file of labels; default: beside the images")

    paths: ClassVar = ("images", "labels")
    examples: ClassVar = (
        Example({"images": "datasets/mnist5k/t10k-images-idx3-ubyte.gz"}),
        Example({"images": "train-images-idx3-ubyte", "labels": "train-labels-idx1-ubyte"}),
    )

    def at(self, path: str) -> Idx:
        return self.replace(images=path, labels=None)

    def read(self, files: Files, *, target: bool = True) -> Records:
        from bpcli.data.arrays import check_lengths, features_of, targets_of
        from bpcli.data.idx import read_idx

        path = files.find(self.images)
        file = shown(path)
        images, digest = read_idx(path, file)
        if images.ndim not in (2, 3, 4):
            raise DataError(
                f"the file holds an array of shape {images.shape}",
                file=file,
                hint="these look like labels; images are (n, h, w)" if images.ndim == 1 else None,
            )
        targets: list[Column] = []
        try:
            labels_path = files.find(self.labels or _beside(self.images))
        except DataError:
            if target or self.labels is not None:
                raise
            labels_path = None
        if labels_path is not None:
            labels, labels_digest = read_idx(labels_path, shown(labels_path))
            if labels.ndim != 1:
                raise DataError(
                    f"the labels are an array of shape {labels.shape}, not (n,)", file=shown(labels_path)
                )
            check_lengths({"images": len(images), "labels": len(labels)}, file=file)
            targets = targets_of("label", labels, file=shown(labels_path), row_word="image")
            digest = _joined(digest, labels_digest)
        if images.ndim == 3:
            images = images[..., None]
        rows = np.arange(len(images), dtype=np.int64)
        features = features_of("image", images, file=file, row_word="image")
        return Records(features, targets, None, rows, file, "image", digest)


def _beside(images: str) -> str:
    path = PurePath(images)
    name = path.name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1")
    if name == path.name:
        raise DataError(
            f"the labels of {path.name} are not named, and its name does not tell theirs",
            path="data.source.labels",
            hint="set labels to the file of labels",
        )
    return str(path.with_name(name))


def _joined(*digests: str) -> str:
    from hashlib import sha256

    return sha256("\n".join(digests).encode()).hexdigest()
