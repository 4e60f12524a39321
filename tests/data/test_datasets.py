"""The shipped data: as documented, and equal to where it comes from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bpcli.data.records import Records
from bpcli.data.sources.csv import Csv
from bpcli.data.sources.idx import Idx
from bpcli.files import Files, shipped

FILES = Files(Path("/nowhere"))
TABLES = [
    ("digits", "digit", 1797, 64),
    ("iris", "species", 150, 4),
    ("wine", "cultivar", 178, 13),
    ("breast_cancer", "diagnosis", 569, 30),
    ("diabetes", "progression", 442, 10),
]


def load(name: str, target: str) -> Records:
    return Csv(path=f"datasets/{name}.csv", target=target).read(FILES)


@pytest.mark.parametrize(("name", "target", "rows", "features"), TABLES)
def test_tables_are_as_the_readme_says(name: str, target: str, rows: int, features: int) -> None:
    found = load(name, target)
    assert (len(found), len(found.features)) == (rows, features)
    assert all(column.kind == "number" for column in found.features)
    readme = (shipped("datasets") / "README.md").read_text()
    assert f"| `{name}.csv` | {rows:,} |" in readme


@pytest.mark.parametrize(("name", "target", "rows", "features"), TABLES)
def test_tables_equal_scikit_learn(name: str, target: str, rows: int, features: int) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    options = {"scaled": False} if name == "diabetes" else {}
    theirs = getattr(datasets, f"load_{name}")(**options)
    ours = load(name, target)
    assert np.array_equal(np.column_stack([column.values for column in ours.features]), theirs.data)
    (column,) = ours.targets
    if column.kind == "text":
        assert column.values.tolist() == theirs.target_names[theirs.target].tolist()
    else:
        assert np.array_equal(column.values, theirs.target + (name == "wine"))


@pytest.mark.parametrize(
    ("name", "target", "rows", "ends", "total"),
    [
        ("airline", "passengers", 144, (112, 432), 40363),
        ("sunspots_monthly", "sunspots", 2820, (58, 33.4), 144570),
    ],
)
def test_series(name: str, target: str, rows: int, ends: tuple[float, float], total: float) -> None:
    found = load(name, target)
    values = found.targets[0].values
    assert len(found) == rows
    assert (values[0], values[-1]) == ends
    assert values.sum() == pytest.approx(total)
    readme = (shipped("datasets") / "README.md").read_text()
    assert f"| `{name}.csv` | {rows:,} |" in readme


def test_mnist5k() -> None:
    images: dict[str, np.ndarray] = {}
    for part, count in (("train", 450), ("t10k", 50)):
        found = Idx(images=f"datasets/mnist5k/{part}-images-idx3-ubyte.gz").read(FILES)
        images[part] = found.features[0].values
        assert images[part].shape == (10 * count, 28, 28, 1)
        assert np.bincount(found.targets[0].values.astype(int)).tolist() == [count] * 10
        assert found.targets[0].values[:20].tolist() != sorted(found.targets[0].values[:20].tolist())
    seen = {image.tobytes() for image in images["train"]}
    assert not any(image.tobytes() in seen for image in images["t10k"])


def test_the_whole_is_small() -> None:
    size = sum(path.stat().st_size for path in shipped("datasets").rglob("*") if path.is_file())
    assert size < 2_500_000
