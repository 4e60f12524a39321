# ruff: noqa: E501  (a message is one line)
"""What a config says, and where and how a mistake in it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpcli.errors import BuildError, ConfigError, UsageError
from bpcli.files import shipped_configs
from bpcli.spec.load import load, load_mapping, load_resolved, to_yaml
from tests.spec.conftest import BASE, loaded, problems


def test_a_config_becomes_an_experiment(config) -> None:
    found = load(config(name="my digits!.yaml"), seed=7, device="cpu", name=None)
    experiment = found.experiment
    assert experiment.seed == 7
    assert experiment.name == "my-digits-"
    assert experiment.optimizer.lr == 1e-3
    assert [layer.type for layer in experiment.model.layers] == ["dense", "flatten", "dense"]  # type: ignore[attr-defined]
    assert found.text == BASE
    assert found.file is not None
    assert found.folder == found.file.parent
    assert found.tree["data"]["batch_size"] == 64


def test_the_name_can_be_given(config) -> None:
    assert loaded(config(("seed: 42", "name: other"))).experiment.name == "other"
    assert load(config(), name="third").experiment.name == "third"


# (what is replaced, by what, the one message that results)
MISTAKES = [
    ("units: 32", "unit: 32", "x.yaml:9:21: model.layers[0]: unknown key 'unit'; did you mean 'units'?"),
    ("- {type: dense, units: 3}", "- dense", "x.yaml:11:7: model.layers[2]: 'units' is missing; expected a positive whole number"),
    ("- flatten", "- flaten", "x.yaml:10:7: model.layers[1]: unknown layer 'flaten'; did you mean 'flatten'?"),
    ("- flatten", "- {type: flaten}", "x.yaml:10:14: model.layers[1].type: unknown layer 'flaten'; did you mean 'flatten'?"),
    ("- flatten", "- flatten: {}", "x.yaml:10:7: model.layers[1]: this layer has no 'type'; write {type: flatten, ...}"),
    ("- flatten", "- 3", "x.yaml:10:7: model.layers[1]: expected a layer: a name, or a mapping with 'type', got 3; for example: activation"),
    ("lr: 1e-3", 'lr: "1e-3"', "x.yaml:13:29: optimizer.lr: expected a positive number, got '1e-3'; remove the quotes"),
    ("lr: 1e-3", "lr: 1_000", "x.yaml:13:29: optimizer.lr: expected a positive number, got '1_000'; write 1000"),
    ("lr: 1e-3", 'lr: "0,1"', "x.yaml:13:29: optimizer.lr: expected a positive number, got '0,1'; write 0.1, with a point"),
    ("lr: 1e-3", "lr: .nan", "x.yaml:13:29: optimizer.lr: expected a positive number, got nan"),
    ("lr: 1e-3", "lr: 1e400", "x.yaml:13:29: optimizer.lr: the number 1e400 is too large: the largest is about 1.8e308"),
    ("lr: 1e-3", "lr: -1", "x.yaml:13:29: optimizer.lr: expected a positive number, got -1"),
    ("lr: 1e-3", "lr:", "x.yaml:13:28: optimizer.lr: expected a positive number, got nothing"),
    ("lr: 1e-3", "learning_rate: 1e-3", "x.yaml:13:25: optimizer: unknown key 'learning_rate'; did you mean 'lr'?"),
    ("epochs: 2", "epochs: 2.0", "x.yaml:15:11: train.epochs: expected a positive whole number, got 2.0; write 2"),
    ("epochs: 2", "epochs: true", "x.yaml:15:11: train.epochs: expected a positive whole number, got true"),
    ("epochs: 2", "threads: many", "x.yaml:15:12: train.threads: expected 'auto' or a whole number from 1 to 256, got 'many'"),
    ("epochs: 2", "threads: -1", "x.yaml:15:12: train.threads: expected 'auto' or a whole number from 1 to 256, got -1"),
    ("epochs: 2", "threads: atuo", "x.yaml:15:12: train.threads: expected 'auto' or a whole number from 1 to 256, got 'atuo'; did you mean 'auto'?"),
    ("epochs: 2", "precision: flaot32", "x.yaml:15:14: train.precision: expected 'float32' or 'float64', got 'flaot32'; did you mean 'float32'?"),
    ("epochs: 2", "max_time: 1x", "x.yaml:15:13: train.max_time: expected a duration, got '1x'; write seconds, or 90s, 10m, 1h30m"),
    ("epochs: 2", "epoch: 2", "x.yaml:15:3: train: unknown key 'epoch'; did you mean 'epochs'?"),
    ("epochs: 2", "batch_size: 2", "x.yaml:15:3: train: unknown key 'batch_size'; it belongs under data"),
    ("epochs: 2", "lr: 2", "x.yaml:15:3: train: unknown key 'lr'; it belongs under optimizer"),
    ("epochs: 2", "random_state: 2", "x.yaml:15:3: train: unknown key 'random_state'; did you mean 'seed' at the top level of the file?"),
    ("version: 1", "epochs: 1", "x.yaml:1:1: unknown key 'epochs'; it belongs under train"),
    ("version: 1", "metric: 1", "x.yaml:1:1: unknown key 'metric'; did you mean 'metrics', which is set here already?"),
    ("version: 1", "version: 2", "x.yaml:1:10: version: expected 1, got 2"),
    ("version: 1", "name: a b", "x.yaml:1:7: name: expected text of the form ^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$, got 'a b'"),
    ("version: 1", "data: 3", "x.yaml:3:1: the key 'data' is given twice, first in line 1; remove one"),
    ("seed: 42", "seed: 1:30", "x.yaml:2:7: seed: expected a whole number from 0 to 9223372036854775807, got '1:30'"),
    ("batch_size: 64", "shuffle: no", "x.yaml:5:12: data.shuffle: expected true or false or 'streams', got 'no'; write false"),
    ("path: train.csv", "path: 12", "x.yaml:4:29: data.source.path: expected text, got 12; put it in quotes to make it text"),
    ("batch_size: 64", "preprocess: standardize", "x.yaml:5:15: data.preprocess: expected a list, each entry a transform (a name, or a mapping with 'type'), got 'standardize'"),
    ("loss: cross_entropy", "loss: glorot_uniform", "x.yaml:12:7: loss: unknown loss 'glorot_uniform'; 'glorot_uniform' is an initializer"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES, ids=[m[1] for m in MISTAKES])
def test_one_mistake_is_one_message_with_its_place(config, old: str, new: str, message: str) -> None:
    found = problems(config((old, new)))
    if new == "data: 3":  # the first of the two is what is read on with
        found = [text for text in found if "given twice" in text]
    assert found == [message]


def test_all_mistakes_at_once_in_order(config) -> None:
    path = config(
        ("seed: 42", "sed: 42"), ("batch_size: 64", "batch_size: many"), ("units: 32", "unit: 32"),
        ("lr: 1e-3", "lr: 1, lr: 2"), ("metrics: [accuracy]", "metrics: [*m]"),
    )  # fmt: skip
    assert problems(path) == [
        "x.yaml:2:1: unknown key 'sed'; did you mean 'seed'?",
        "x.yaml:5:15: data.batch_size: expected a positive whole number, got 'many'",
        "x.yaml:9:21: model.layers[0]: unknown key 'unit'; did you mean 'units'?",
        "x.yaml:13:32: optimizer: the key 'lr' is given twice, first in line 13; remove one",
        "x.yaml:16:11: metrics[0]: aliases (*m) are not part of the config language; "
        "repeat the value, or use vars and ${vars.name}; quote text that begins with *",
    ]


def test_a_misplaced_key_is_not_also_missing(config) -> None:
    path = config(
        ("  source: {type: csv, path: train.csv, target: label}\n", ""), ("version: 1", "source: csv")
    )
    assert problems(path) == ["x.yaml:1:1: unknown key 'source'; it belongs under data"]


def test_a_section_that_is_missing(config) -> None:
    found = problems(config(text="data: {source: {type: csv, path: a}}\n"))
    assert found == ["x.yaml:1:1: 'model' is missing; expected a layer (a name, or a mapping with 'type')"]


def test_early_stop_needs_no_type(config) -> None:
    assert problems(config(("seed: 42", "early_stop: {patience: 5, monitr: val.loss}"))) == [
        "x.yaml:2:27: early_stop: unknown key 'monitr'; did you mean 'monitor'?"
    ]


def test_a_problem_carries_its_parts(config) -> None:
    path = config(("units: 32", "unit: 32"))
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.problems[0].as_json() == {
        "file": str(path), "line": 9, "column": 21, "path": "model.layers[0]",
        "message": "unknown key 'unit'", "hint": "did you mean 'units'?",
    }  # fmt: skip


def test_many_problems_are_cut_short(config) -> None:
    text = "".join(f"k{i}: 1\nk{i}: 2\n" for i in range(500))
    found = problems(config(text=text))
    assert len(found) == 101
    assert "only the first 100" in found[-1]


def test_a_missing_config_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no config file nowhere"):
        load("nowhere.yaml")


def test_places_find_a_key_and_its_ancestors(config) -> None:
    places = loaded(config()).places
    assert str(places.problem(("model", "layers", 2, "units"), "m")).endswith(
        "x.yaml:11:28: model.layers[2].units: m"
    )
    assert str(places.problem(("model", "layers", 2, "units"), "m", on_key=True)).endswith(
        ":11:21: model.layers[2].units: m"
    )
    assert places.problem(("model", "layers"), "m").line == 8  # a block: its key
    assert places.problem(("train", "no", "such", 3), "m").line == 14
    assert places.problem(("nowhere",), "m").line == 1


def test_a_build_error_gets_its_place(config) -> None:
    error = loaded(config()).places.place_error(
        BuildError("does not fit", ("model", "layers", 1), "add flatten")
    )
    assert str(error).endswith("x.yaml:10:7: model.layers[1]: does not fit; add flatten")
    assert error.exit_code == 2


# -- in memory ---------------------------------------------------------------------------------------------

MAPPING = {
    "data": {"source": {"type": "csv", "path": "a.csv"}},
    "model": {"type": "sequential", "layers": ({"type": "dense", "units": 3},)},
}


def test_a_mapping_is_a_config_too(tmp_path: Path) -> None:
    found = load_mapping(MAPPING, folder=tmp_path, name="mine")
    assert found.experiment.name == "mine"
    assert found.file is None
    again = load_mapping({**MAPPING, "model": found.experiment.model}, folder=tmp_path, name="mine")
    assert again.experiment == found.experiment
    (tmp_path / "copy.yaml").write_text(found.text)
    assert load(tmp_path / "copy.yaml", name="mine").experiment == found.experiment


def test_a_mapping_with_mistakes(tmp_path: Path) -> None:
    bad = {**MAPPING, "optimizer": {"type": "adam", "lr": object()}, "sed": 1, 3: 4}
    with pytest.raises(ConfigError) as caught:
        load_mapping(bad, folder=tmp_path)
    messages = sorted(map(str, caught.value.problems))
    assert messages[0].startswith("optimizer.lr: a value of type object is not part of a config")
    assert messages[1] == "the key 3 is not text"
    assert messages[2] == "unknown key 'sed'; did you mean 'seed'?"
    assert len(messages) == 3


def test_a_mapping_that_contains_itself(tmp_path: Path) -> None:
    cyclic: list = []
    cyclic.append(cyclic)
    with pytest.raises(ConfigError, match="nested more than 64 deep"):
        load_mapping({**MAPPING, "metrics": cyclic}, folder=tmp_path)


@pytest.mark.parametrize("name", shipped_configs())
def test_shipped_configs_load_and_read_back(name: str, tmp_path: Path) -> None:
    found = load(name)
    assert found.experiment.name == found.tree["name"]
    (tmp_path / "resolved.yaml").write_text(to_yaml(found.experiment), encoding="utf-8")
    assert load_resolved(tmp_path / "resolved.yaml", folder=found.folder).experiment == found.experiment


def test_a_file_of_too_many_values(config) -> None:
    assert problems(config(text="a: [" + "1, " * 30_000 + "]")) == [
        "x.yaml:1:60002: the file holds more than 20,000 values, too many for a config"
    ]
