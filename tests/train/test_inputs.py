"""Several inputs: from the columns of one source to the layers that take them by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpcli
from bpcli.errors import BpcliError
from bpcli.spec.load import load_mapping
from bpcli.train.gradients import gradcheck
from bpcli.train.session import prepared_trainer

N = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An image and a table, whose product of means decides the class."""
    rng = np.random.default_rng(3)
    image, table = rng.normal(size=(N, 5, 4, 1)), rng.normal(size=(N, 3))
    y = (image.mean(axis=(1, 2, 3)) * table.mean(axis=1) > 0).astype(int)
    np.savez(tmp_path / "both.npz", image=image, table=table, y=y)
    return tmp_path


def config(**changes: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "name": "both",
        "data": {
            "source": {"type": "npz", "path": "both.npz", "x": ["image", "table"]},
            "inputs": {"picture": "image", "facts": ["table"]},
            "batch_size": 16,
        },
        "model": {
            "type": "sequential",
            "head": "auto",
            "layers": [
                {"type": "conv2d", "filters": 2, "kernel": 3, "activation": "tanh", "from": "picture"},
                {"type": "flatten", "name": "seen"},
                {"type": "dense", "units": 4, "activation": "tanh", "from": "facts", "name": "known"},
                {"type": "concatenate", "from": ["seen", "known"]},
                {"type": "dense", "units": 6, "activation": "tanh"},
            ],
        },
        "train": {"epochs": 2},
        **changes,
    }


def test_each_input_reaches_its_layers(folder: Path) -> None:
    trainer = prepared_trainer(load_mapping(config(), folder=folder))
    assert trainer.model.input == ((5, 4, 1), (3,))
    x = trainer.data.train.x
    y = trainer.model.outputs(x, trainer.model.workspace())
    other = (x[0], x[1] + 1)
    assert not np.allclose(y, trainer.model.outputs(other, trainer.model.workspace()))


def test_gradients_of_both_inputs_are_exact(folder: Path) -> None:
    report = gradcheck(load_mapping(config(), folder=folder))
    assert report["passed"]
    assert report["inputs"]["checked"] > 0
    assert report["max_relative_error"] < 1e-12


def test_train_resume_evaluate_predict(folder: Path) -> None:
    outcome = bpcli.train(load(folder), runs_dir=folder / "runs")
    saved = bpcli.load(outcome.run)
    told = list(saved.predict(folder / "both.npz"))
    assert len(told) == N
    with np.load(folder / "both.npz") as arrays:
        rows = [
            {"image": image, "table": table}
            for image, table in zip(arrays["image"], arrays["table"], strict=True)
        ]
    assert list(saved.predict(rows)) == told
    assert saved.evaluate("test")["rows"] > 0


def load(folder: Path) -> Path:
    import yaml

    file = folder / "both.yaml"
    file.write_text(yaml.safe_dump(config()))
    return file


def test_the_whole_input_is_a_tuple(folder: Path) -> None:
    """A layer of several takes the input as it comes, beside one that takes a part by name."""
    made = config()
    made["data"]["inputs"] = {"a": "table", "b": "image"}
    made["data"]["preprocess"] = []
    made["model"]["layers"] = [
        {"type": "flatten", "from": "b", "name": "flat"},
        {"type": "dense", "units": 3, "name": "three"},
        {"type": "multiply", "from": ["three", "a"]},
        {"type": "dense", "units": 4, "activation": "tanh"},
    ]
    assert gradcheck(load_mapping(made, folder=folder))["passed"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"picture": "image"}, "1 column is in no input: table"),
        ({"picture": "image", "facts": "tabel"}, "no column is named like 'tabel'; did you mean 'table'"),
        ({"picture": ["image", "table"]}, "cannot stand beside other columns"),
        (
            {"picture": "image", "facts": ["table", "ima*"]},
            "column 'image' is in the inputs 'picture' and 'facts'",
        ),
        ({"picture": "image", "spare": "table"}, "no earlier layer of this list is named 'facts'"),
    ],
)
def test_what_does_not_fit_is_refused(folder: Path, change: dict[str, Any], said: str) -> None:
    made = config()
    made["data"]["inputs"] = change
    with pytest.raises(BpcliError) as caught:
        prepared_trainer(load_mapping(made, folder=folder))
    assert said in str(caught.value)


def test_an_input_that_no_layer_takes_is_refused(folder: Path) -> None:
    made = config()
    made["model"]["layers"] = [{"type": "flatten", "from": "picture"}]
    with pytest.raises(BpcliError, match="no layer takes the input 'facts'"):
        prepared_trainer(load_mapping(made, folder=folder))


def test_a_preset_that_takes_one_input_is_refused(folder: Path) -> None:
    with pytest.raises(BpcliError, match="takes one input and gets 2"):
        prepared_trainer(load_mapping(config(model={"type": "mlp", "hidden": [4]}), folder=folder))
