# ruff: noqa: E501  (a message is one line)
from __future__ import annotations

import pytest

from bpcli.files import Files
from bpcli.spec.load import load
from tests.spec.conftest import BASE, problems, tree


def test_a_config_extends_another(config, tmp_path) -> None:
    config(name="base.yaml")
    path = config(text="extends: base.yaml\nseed: 7\noptimizer: {lr: 0.1}\nmetrics: [loss]\n")
    found = load(path)
    assert found.tree["seed"] == 7
    assert found.tree["optimizer"] == {"type": "adam", "lr": 0.1}
    assert found.tree["metrics"] == ["loss"]
    assert found.tree["data"]["batch_size"] == 64
    assert found.experiment.name == "x"
    assert "extends" not in found.tree


def test_another_type_replaces_the_component(config) -> None:
    config(name="base.yaml")
    found = tree(config(text="extends: base.yaml\nmodel: {type: dense, units: 3}\n"))
    assert found["model"] == {"type": "dense", "units": 3}


def test_fields_beside_a_bare_name(config) -> None:
    config(name="base.yaml")
    found = tree(config(text="extends: base.yaml\nloss: {label_smoothing: 0.1}\n"))
    assert found["loss"] == {"type": "cross_entropy", "label_smoothing": 0.1}


def test_values_keep_the_place_of_their_file(config) -> None:
    config(("units: 32", "unit: 32"), name="base.yaml")
    path = config(text="extends: base.yaml\ntrain: {epoch: 3}\nseed: x\n")
    assert problems(path) == [
        "x.yaml:2:9: train: unknown key 'epoch'; did you mean 'epochs', which is set here already?",
        "x.yaml:3:7: seed: expected a whole number from 0 to 9223372036854775807, got 'x'",
        "base.yaml:9:21: model.layers[0]: unknown key 'unit'; did you mean 'units'?",
    ]


def test_extending_in_a_circle(config) -> None:
    config(text="extends: x.yaml\n", name="base.yaml")
    assert problems(config(("version: 1", "extends: base.yaml"))) == [
        "base.yaml:1:10: extends: the files extend each other in a circle: x.yaml -> base.yaml -> x.yaml"
    ]


def test_extending_too_long_a_chain(config) -> None:
    for i in range(20):
        config(text=f"extends: b{i + 1}.yaml\n", name=f"b{i}.yaml")
    assert "more than 16 files" in problems(config(("version: 1", "extends: b0.yaml")))[0]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("bse.yaml", "there is no file bse.yaml in {folder}, nor a shipped config of that name; did you mean 'base.yaml'?"),
        ("3", "expected a file name, got 3"),
        ("[a]", "expected a file name, got a list"),
        ('"a\\0b"', "the text contains a NUL character"),
    ],
)  # fmt: skip
def test_a_wrong_extends(config, tmp_path, value: str, message: str) -> None:
    config(name="base.yaml")
    found = problems(config(("version: 1", f"extends: {value}")))
    assert found == [f"x.yaml:1:10: extends: {message.format(folder=tmp_path)}"]


def test_extending_what_is_no_mapping(config) -> None:
    config(text="- 1\n", name="base.yaml")
    assert "is no mapping of keys" in problems(config(("version: 1", "extends: base.yaml")))[0]


def test_data_paths_of_a_base_are_relative_to_the_base(tmp_path, monkeypatch) -> None:
    sub, own = tmp_path / "sub", tmp_path / "own"
    for folder in (sub, own):
        folder.mkdir()
        (folder / "train.csv").write_text("a,label\n")
    text = BASE.replace(
        "  batch_size: 64", "  test_source: {type: idx, images: im, labels: la}\n  batch_size: 64"
    )
    (sub / "b.yaml").write_text(text.replace("train.csv", '"${env:NONE:-train}.csv"'))
    (sub / "im").touch()
    (own / "la").touch()  # not beside the base, so where any config may find it
    (own / "c.yaml").write_text("extends: ../sub/b.yaml\ndata: {source: {target: 0}}\n")
    (own / "d.yaml").write_text("extends: c.yaml\n")
    (own / "e.yaml").write_text("extends: c.yaml\ndata: {source: {path: train.csv}}\n")
    (own / "f.yaml").write_text(f"extends: {sub / 'b.yaml'}\n")

    def paths(file, *overrides: str) -> list:
        found = load(file, overrides)
        data = found.experiment.data
        return [data.source.path, data.test_source.images, data.test_source.labels]

    for name in ("c.yaml", "d.yaml"):
        assert paths(own / name) == ["../sub/train.csv", "../sub/im", "la"]
        assert Files(load(own / name).folder).find("../sub/train.csv").samefile(sub / "train.csv")
    assert paths(own / "e.yaml")[0] == "train.csv"
    assert paths(own / "f.yaml")[0] == str(sub / "train.csv")
    assert paths(own / "c.yaml", "data.source.path=train.csv")[0] == "train.csv"
    assert paths(sub / "b.yaml") == ["train.csv", "im", "la"]
    (sub / "train.csv").unlink()
    (own / "train.csv").unlink()
    assert paths(own / "c.yaml")[0] == "../sub/train.csv", "an error names the place where it was meant to be"
    monkeypatch.chdir(own)
    assert paths("c.yaml")[1] == "../sub/im"


def test_a_shipped_base_keeps_its_shipped_data(tmp_path) -> None:
    (tmp_path / "x.yaml").write_text("extends: digits-mlp\n")
    data = load(tmp_path / "x.yaml").experiment.data
    assert data.source == load("digits-mlp").experiment.data.source


# -- vars ----------------------------------------------------------------------------------------------------


def test_references(config, monkeypatch) -> None:
    monkeypatch.setenv("BPCLI_TEST_N", "12")
    monkeypatch.delenv("BPCLI_TEST_NONE", raising=False)
    path = config(
        ("seed: 42", "vars: {w: 8, act: {type: tanh}, deep: {er: abc}, d: '${env:BPCLI_TEST_NONE:-data}'}"),
        ("units: 32, activation: relu", 'units: "${vars.w}", activation: "${vars.act}"'),
        ("path: train.csv", 'path: "${vars.d}/${vars.deep.er}-${vars.w}$${x}.csv"'),
        ("batch_size: 64", "batch_size: ${env:BPCLI_TEST_N}"),
        ("epochs: 2", "epochs: ${env:BPCLI_TEST_NONE:-0o7}"),
    )
    found = tree(path)
    assert found["model"]["layers"][0] == {"type": "dense", "units": 8, "activation": {"type": "tanh"}}
    assert found["data"]["source"]["path"] == "data/abc-8${x}.csv"
    assert found["data"]["batch_size"] == 12
    assert found["train"]["epochs"] == 7
    assert "vars" not in found


WRONG = [
    ("${vars.widht}", "there is no variable vars.widht; did you mean 'width'?"),
    ("${vars.zz}", "there is no variable vars.zz; known in vars: width, other"),
    ("${vars.}", "there is no variable vars.; known in vars: width, other"),
    ("${width}", "${width} refers to nothing; did you mean ${vars.width}?"),
    ("${}", "${} refers to nothing; write ${vars.name} or ${env:NAME}; $${ stands for ${ itself"),
    ("${env:BPCLI_NOT_SET}", "the environment variable BPCLI_NOT_SET is not set; set it, or write ${env:BPCLI_NOT_SET:-default}"),
    ("${vars.width", "a reference is not closed, or holds another one; write ${vars.name}; $${ stands for ${ itself"),
    ("a ${vars.${vars.width}}", "a reference is not closed, or holds another one; write ${vars.name}; $${ stands for ${ itself"),
    ("x ${vars.width.y}", "there is no variable vars.width.y; known in vars.width: nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[w[0] for w in WRONG])
def test_a_wrong_reference(config, text: str, message: str) -> None:
    path = config(("version: 1", "vars: {width: 3, other: 4}"), ("epochs: 2", f"epochs: '{text}'"))
    assert problems(path) == [f"x.yaml:15:11: train.epochs: {message}"]


def test_the_value_of_a_reference_is_checked_where_it_is_used(config) -> None:
    path = config(("version: 1", "vars: {width: many}"), ("epochs: 2", "epochs: ${vars.width}"))
    assert problems(path) == [
        "x.yaml:15:11: train.epochs: expected a positive whole number, got 'many' (from vars.width)"
    ]


def test_variables_do_not_refer_to_each_other(config) -> None:
    assert problems(config(("version: 1", "vars: {a: 1, b: '${vars.a}'}"))) == [
        "x.yaml:1:17: vars.b: a variable cannot refer to another variable; vars may use ${env:NAME} only"
    ]


def test_references_cannot_blow_a_config_up(config) -> None:
    big = "[" + ", ".join(["1"] * 2000) + "]"
    uses = ", ".join(['"${vars.big}"'] * 2000)
    found = problems(
        config(("version: 1", f"vars: {{big: {big}}}"), ("metrics: [accuracy]", f"metrics: [{uses}]"))
    )
    assert any("unreasonable size" in text for text in found)


def test_setting_below_a_reference(config) -> None:
    path = config(("version: 1", "vars: {l: cross_entropy}"), ("loss: cross_entropy", "loss: ${vars.l}"))
    assert "loss is the reference ${vars.l}" in problems(path, "loss.label_smoothing=.1")[0]
