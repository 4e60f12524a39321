"""From a config's data section to arrays: on real files, fitted on the training part and nothing else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bpcli.data.pipeline import Pipeline
from bpcli.data.prepare import prepare, read_part, split_part
from bpcli.data.records import Prepared
from bpcli.errors import DataError
from bpcli.files import Files
from bpcli.spec.experiment import DataSection
from tests.data.helpers import only

SPLIT = {"type": "stratified", "train": 0.7, "val": 0.1, "test": 0.2}


def section(**fields: Any) -> DataSection:
    return DataSection.model_validate(fields)


def shipped(name: str, target: str, **fields: Any) -> DataSection:
    return section(source={"type": "csv", "path": f"datasets/{name}.csv", "target": target}, **fields)


def run(data: DataSection, folder: Path, seed: int = 1, **options: Any) -> Prepared:
    return prepare(data, files=Files(folder), seed=seed, **options)


def test_digits(tmp_path: Path) -> None:
    data = run(shipped("digits", "digit", split=SPLIT, preprocess=["standardize"]), tmp_path)
    assert data.val is not None
    assert data.test is not None
    assert [len(data.train), len(data.val), len(data.test)] == [1258, 180, 359]
    assert data.train.x.dtype == np.float32
    assert data.target.labels == tuple("0123456789")
    assert data.train.x.mean() == pytest.approx(0, abs=1e-6)
    assert abs(data.test.x.mean()) > 1e-6  # scaled by the training part's numbers, not by its own
    counts = np.bincount(data.test.y if data.test.y is not None else [])
    assert counts.tolist() == pytest.approx(
        [0.2 * n for n in (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)], abs=1
    )
    assert len(data.digest) == 64


@pytest.mark.parametrize(
    ("name", "target"), [("iris", "species"), ("wine", "cultivar"), ("diabetes", "progression")]
)
def test_fitted_on_the_training_part_only(tmp_path: Path, name: str, target: str) -> None:
    """Poisoning every validation and test row changes nothing that was fitted."""
    data = shipped(name, target, preprocess=["impute", "standardize"])
    if name == "diabetes":
        data = shipped(name, target, preprocess=["standardize"], target_transform="standardize")
    clean = run(data, tmp_path)
    lines = Files(tmp_path).find(f"datasets/{name}.csv").read_text().splitlines()
    assert clean.val is not None
    assert clean.test is not None
    for row in (*clean.val.rows, *clean.test.rows):
        *cells, label = lines[row - 1].split(",")
        lines[row - 1] = ",".join([f"{1000 + float(cell):g}" for cell in cells] + [label])
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / f"{name}.csv").write_text("\n".join(lines))
    poisoned = run(data, tmp_path)
    assert poisoned.test is not None
    assert poisoned.pipeline.to_json() == clean.pipeline.to_json()
    assert np.array_equal(poisoned.train.x, clean.train.x)
    assert not np.array_equal(poisoned.test.x, clean.test.x)
    assert poisoned.digest != clean.digest


def test_the_seed_decides_the_split_and_nothing_else_does(tmp_path: Path) -> None:
    data = shipped("iris", "species")
    one, same, other = run(data, tmp_path), run(data, tmp_path), run(data, tmp_path, seed=2)
    assert np.array_equal(one.train.rows, same.train.rows)
    assert not np.array_equal(one.train.rows, other.train.rows)


def test_default_split_is_stratified_for_classes_only(tmp_path: Path) -> None:
    iris = run(shipped("iris", "species"), tmp_path)
    assert iris.target.counts == (40, 40, 40)
    run(shipped("diabetes", "progression"), tmp_path)  # 214 distinct values: stratified would refuse


def test_no_validation_and_no_test_part(tmp_path: Path) -> None:
    data = run(
        shipped("iris", "species", split={"type": "random", "train": 1, "val": 0, "test": 0}), tmp_path
    )
    assert (len(data.train), data.val, data.test) == (150, None, None)
    assert "There is no validation and no test part." in data.notes


def test_only_the_parts_asked_for(tmp_path: Path) -> None:
    data = run(shipped("iris", "species"), tmp_path, parts=("test",))
    assert data.val is None
    assert data.test is not None
    assert len(data.train) == 120


def table(folder: Path, name: str, content: str) -> dict[str, str]:
    (folder / name).write_text(content)
    return {"type": "csv", "path": name, "target": "y"}


ROWS = "".join(f"{i},{'ab'[i % 2]}\n" for i in range(20))


def test_sources_of_their_own(tmp_path: Path) -> None:
    source = table(tmp_path, "train.csv", "a,y\n" + ROWS)
    test = table(tmp_path, "test.csv", "y,a\na,5\nb,6\n")
    data = run(section(source=source, test_source=test), tmp_path)
    assert data.val is not None
    assert data.test is not None
    assert (len(data.train), len(data.val)) == (18, 2)  # the split's test share went to training
    assert data.test.x.tolist() == [[5.0], [6.0]]
    assert data.test.y is not None
    assert data.test.y.tolist() == [0, 1]
    before = data.digest
    table(tmp_path, "test.csv", "y,a\na,5\nb,7\n")
    assert run(section(source=source, test_source=test), tmp_path).digest != before


def test_a_fixed_split_and_a_source_of_its_own_contradict(tmp_path: Path) -> None:
    source = table(tmp_path, "train.csv", "a,part,y\n1,train,a\n2,train,b\n3,test,a\n")
    split = {"type": "fixed", "column": "part"}
    data = run(section(source=source, split=split), tmp_path)
    assert data.pipeline.outputs == ("a",)
    assert data.test is not None
    with pytest.raises(DataError, match="1 row in the split"):
        run(section(source=source, split=split, test_source=source), tmp_path)


def test_a_label_only_in_the_test_part_is_named_with_its_rows(tmp_path: Path) -> None:
    source = table(tmp_path, "d.csv", "a,y\n1,a\n2,b\n3,a\n4,zebra\n5,b\n")
    split = {"type": "fixed", "train": 3, "val": 0, "test": 2}
    with pytest.raises(DataError) as caught:
        run(section(source=source, split=split), tmp_path)
    problem = only(caught.value)
    assert "the test part" in problem.message
    assert "'zebra' (line 5)" in problem.message
    assert problem.line == 5


def test_one_class_only_and_no_rows(tmp_path: Path) -> None:
    source = table(tmp_path, "d.csv", "a,y\n1,a\n2,a\n3,a\n")
    with pytest.raises(DataError, match="only one class"):
        run(section(source=source, split={"type": "random", "train": 1, "val": 0, "test": 0}), tmp_path)
    source = table(tmp_path, "d.csv", "a,part,y\n1,test,a\n2,test,b\n")
    with pytest.raises(DataError, match="the training part has no rows"):
        run(section(source=source, split={"type": "fixed", "column": "part"}), tmp_path)


def test_task_and_loss_decide(tmp_path: Path) -> None:
    loss: Any = SimpleNamespace(targets=("values",), several=tuple)
    assert run(shipped("digits", "digit"), tmp_path, loss=loss).target.kind == "values"
    assert run(shipped("digits", "digit", task="regression"), tmp_path).target.kind == "values"
    with pytest.raises(DataError, match="task is regression"):
        loss = SimpleNamespace(targets=("classes",), several=tuple)
        run(shipped("digits", "digit", task="regression"), tmp_path, loss=loss)


def test_notes_tell_what_is_worth_telling(tmp_path: Path) -> None:
    rows = "".join(f"{i % 7},5,{'ab'[i % 2]}\n" for i in range(40)) + "9,5,c\n8,5,c\n"
    source = table(tmp_path, "d.csv", "n,flat,y\n" + rows)
    notes = run(
        section(source=source, split={"type": "stratified", "train": 0.5, "val": 0, "test": 0.4}), tmp_path
    ).notes
    said = " ".join(notes)
    assert "The target is read as classes: 'y' is text." in notes
    assert "column flat" in said
    assert "'c' (1)" in said
    assert "are in no part of the split" in said
    assert "There is no validation part." in notes
    assert "of the training part." in notes[-1]  # rows that repeat
    quiet = run(shipped("wine", "cultivar", task="classification"), tmp_path).notes
    assert quiet == ()


def test_weights_follow_their_rows(tmp_path: Path) -> None:
    source = table(tmp_path, "d.csv", "a,w,y\n" + "".join(f"{i},{i / 2},{i % 2}\n" for i in range(20)))
    data = run(section(source={**source, "weight": "w"}), tmp_path)
    assert data.train.weight is not None
    assert data.train.weight.dtype == np.float32
    assert np.array_equal(data.train.x[:, 0] / 2, data.train.weight)


def test_a_stored_pipeline_gives_the_same_parts(tmp_path: Path) -> None:
    fields = shipped("breast_cancer", "diagnosis", preprocess=["standardize"])
    data = run(fields, tmp_path)
    stored = Pipeline.from_json(data.pipeline.to_json())
    for name in ("train", "val", "test"):
        part, digest = split_part(fields, stored, files=Files(tmp_path), seed=1, part=name)
        made = getattr(data, name)
        assert np.array_equal(part.x, made.x)
        assert np.array_equal(part.y if part.y is not None else [], made.y)
        assert np.array_equal(part.rows, made.rows)
        assert digest == data.digest
    none = shipped("iris", "species", split={"type": "random", "train": 1, "val": 0, "test": 0})
    with pytest.raises(DataError, match="there is no test part"):
        split_part(none, stored, files=Files(tmp_path), seed=1, part="test")


def test_new_rows_with_and_without_the_target(tmp_path: Path) -> None:
    fields = shipped("iris", "species", preprocess=["standardize"])
    data = run(fields, tmp_path)
    whole = read_part(fields, data.pipeline, files=Files(tmp_path))
    assert np.array_equal(whole.x[data.train.rows - 2], data.train.x)
    assert whole.y is not None
    lines = Files(tmp_path).find("datasets/iris.csv").read_text().splitlines()
    swapped = [",".join(reversed(line.split(",")[:4])) for line in lines]
    (tmp_path / "new.csv").write_text("\n".join(swapped))
    new = read_part(fields, data.pipeline, "new.csv", files=Files(tmp_path), target=False)
    assert np.array_equal(new.x, whole.x)
    assert new.y is None
    with pytest.raises(DataError, match=r"no column 'species' \(target\)"):
        read_part(fields, data.pipeline, "new.csv", files=Files(tmp_path))


def test_images_from_idx(tmp_path: Path) -> None:
    folder = "datasets/mnist5k/"
    data = run(
        section(
            source={"type": "idx", "images": folder + "train-images-idx3-ubyte.gz"},
            test_source={"type": "idx", "images": folder + "t10k-images-idx3-ubyte.gz"},
            split={"type": "random", "train": 1, "val": 0, "test": 0},
            preprocess=["min_max"],
        ),
        tmp_path,
    )
    assert data.test is not None
    assert data.train.x.shape == (4500, 28, 28, 1)
    assert data.test.x.shape == (500, 28, 28, 1)
    assert (data.train.x.min(), data.train.x.max()) == (0.0, 1.0)
    assert data.target.counts == (450,) * 10
