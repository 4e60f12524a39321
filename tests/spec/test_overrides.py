# ruff: noqa: E501  (a message is one line)
from __future__ import annotations

import pytest

from bpcli.spec.load import load
from tests.spec.conftest import problems, tree


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("train.epochs=50", ("train", "epochs"), 50),
        ("model.layers.0.units=64", ("model", "layers", 0, "units"), 64),
        ("model.layers[0].units=64", ("model", "layers", 0, "units"), 64),
        ("optimizer.lr=1e-2", ("optimizer", "lr"), 0.01),
        ("name='012'", ("name",), "012"),
        ("data.source.path=a=b.csv", ("data", "source", "path"), "a=b.csv"),
        ("data.source.path=no", ("data", "source", "path"), "no"),
        ("metrics=[loss, {type: accuracy}]", ("metrics",), ["loss", {"type": "accuracy"}]),
        ("model={type: dense, units: 3}", ("model",), {"type": "dense", "units": 3}),
        ("loss=", ("loss",), None),
        ("loss.label_smoothing=.1", ("loss",), {"type": "cross_entropy", "label_smoothing": 0.1}),
        ("model.layers.1.name=flat", ("model", "layers", 1), {"type": "flatten", "name": "flat"}),
        ("schedule.warmup=5%", ("schedule",), {"type": "constant", "warmup": "5%"}),
        ("checkpoint.every=1m", ("checkpoint",), {"every": "1m"}),
        ("early_stop.patience=3", ("early_stop",), {"patience": 3}),
    ],
)
def test_an_override_sets_a_value(config, override: str, path: tuple, value: object) -> None:
    found = tree(config(), override)
    for part in path:
        found = found[part]
    assert found == value


def test_a_missing_optimizer_is_the_default_one(config) -> None:
    found = load(config(("optimizer: {type: adam, lr: 1e-3}\n", "")), ["optimizer.lr=.1"])
    assert found.experiment.optimizer.type == "adam"
    assert found.experiment.optimizer.lr == 0.1


def test_deletion(config) -> None:
    found = tree(config(), "~optimizer", "~model.layers.1", "~train.epochs")
    assert "optimizer" not in found
    assert [layer["type"] for layer in found["model"]["layers"]] == ["dense", "dense"]
    assert found["train"] == {}


def test_later_overrides_win(config) -> None:
    assert tree(config(), "seed=1", "seed=2")["seed"] == 2


def test_variables_can_be_set(config) -> None:
    path = config(("units: 32", 'units: "${vars.width}"'), ("seed: 42", "vars: {width: 8}"))
    assert tree(path)["model"]["layers"][0]["units"] == 8
    assert tree(path, "vars.width=64")["model"]["layers"][0]["units"] == 64


def test_the_type_of_a_component_can_be_set(config) -> None:
    assert tree(config(), "optimizer.type=sgd")["optimizer"] == {"type": "sgd", "lr": 1e-3}
    assert problems(config(("lr: 1e-3", "beta1: .8")), "optimizer.type=sgd")[0].startswith(
        "x.yaml:13:25: optimizer: unknown key 'beta1'"
    )


WRONG = [
    ("train.epoch=3", "train: unknown key 'epoch' (from the command line: train.epoch=3); did you mean 'epochs', which is set here already?"),
    ("optimzer.lr=3", "unknown key 'optimzer' (from the command line: optimzer.lr=3); did you mean 'optimizer', which is set here already?"),
    ("optimizer.lr=x", "optimizer.lr: expected a positive number, got 'x' (from the command line: optimizer.lr=x)"),
    ("model.layers.3.units=3", "model.layers[3].units: model.layers has no entry 3 (from the command line: model.layers.3.units=3); it has 3: 0 to 2"),
    ("model.layers.x=3", "model.layers.x: model.layers is a list, and 'x' is no index of it (from the command line: model.layers.x=3); write model.layers.0 for its first entry"),
    ("train[0]=3", "train[0]: train is a mapping, and has no entry [0] (from the command line: train[0]=3)"),
    ("seed.x=3", "seed.x: seed is 42, and has nothing below it (from the command line: seed.x=3)"),
    ("nonsense", "'nonsense' is not an override (from the command line: nonsense); write key=value, or ~key to delete a key"),
    ("=3", "an override needs a key (from the command line: =3); write key=value"),
    ("a..b=3", "'a..b' is not a key (from the command line: a..b=3); write keys with points between them: model.layers.0.units"),
    ("~optimizr", "optimizr: there is no optimizr to delete (from the command line: ~optimizr); did you mean 'optimizer'?"),
    ("~seed=3", "a deletion takes no value (from the command line: ~seed=3); write ~seed"),
    ("metrics=[loss", "a list in [ ] is not closed, or lacks a comma (opened in line 1) (from the command line: metrics=[loss); close it with ]"),
    ("metrics=&a [loss]", "anchors (&a) are not part of the config language (from the command line: metrics=&a [loss]); use vars and ${vars.name}; quote text that begins with &"),
    ("name=#x", "name: the value is a YAML comment (from the command line: name=#x); put text that begins with # in quotes"),
    ("callbacks.0.x=1", "callbacks.0.x: callbacks is not in the file (from the command line: callbacks.0.x=1); set the whole list: callbacks=[...]"),
    ("extends=x.yaml", "extends cannot be set from the command line (from the command line: extends=x.yaml); write it in a file"),
]  # fmt: skip


@pytest.mark.parametrize(("override", "message"), WRONG, ids=[w[0] for w in WRONG])
def test_a_wrong_override_is_told_like_a_wrong_file(config, override: str, message: str) -> None:
    assert problems(config(), override) == [message]


def test_an_override_and_the_file_can_both_be_wrong(config) -> None:
    assert problems(config(("seed: 42", "sed: 42")), "train.epochs=x", "nope") == [
        "x.yaml:2:1: unknown key 'sed'; did you mean 'seed'?",
        "'nope' is not an override (from the command line: nope); write key=value, or ~key to delete a key",
        "train.epochs: expected a positive whole number, got 'x' (from the command line: train.epochs=x)",
    ]


def test_options_are_overrides_by_another_name(config) -> None:
    assert problems(config(), device="gpu", seed=-1, name="a b") == [
        "name: expected text of the form ^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$, got 'a b' (from the command line: --name a b)",
        "seed: expected a whole number from 0 to 9223372036854775807, got -1 (from the command line: --seed -1)",
        "train.device: expected 'cpu' or 'cuda', got 'gpu' (from the command line: --device gpu); did you mean 'cuda'?",
    ]  # fmt: skip
    found = load(config(("train:\n  epochs: 2\n", "")), seed=5, device="cuda", name="n").experiment
    assert (found.seed, found.train.device, found.name) == (5, "cuda", "n")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "vars.widht=3",
            "there is no variable vars.widht (from the command line: vars.widht=3); did you mean 'width'?",
        ),
        (
            "vars.zz=3",
            "there is no variable vars.zz (from the command line: vars.zz=3); known in vars: width",
        ),
        (
            "vars={zz: 3}",
            "there is no variable vars.zz (from the command line: vars={zz: 3}); known in vars: width",
        ),
    ],
)
def test_a_variable_that_nothing_defines_cannot_be_set(config, given: str, said: str) -> None:
    path = config(("units: 32", 'units: "${vars.width}"'), ("seed: 42", "vars: {width: 8}"))
    (found,) = problems(path, given)
    assert found.endswith(said)
    (found,) = problems(config(), "vars.width=3")
    assert "there is no variable vars.width" in found and "so set the key itself" in found


def test_a_variable_of_a_base_can_be_set(config) -> None:
    config(("units: 32", 'units: "${vars.width}"'), ("seed: 42", "vars: {width: 8}"), name="base.yaml")
    found = tree(config(text="extends: base.yaml\n"), "vars.width=64")
    assert found["model"]["layers"][0]["units"] == 64
