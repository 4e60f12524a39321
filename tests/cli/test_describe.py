"""`check`, `summary`, `gradcheck`, `list` and `show`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import Cli


def test_check_shows_layers_and_data(cli: Cli, work: Path) -> None:
    found = cli("check", "clouds.yaml")
    assert found.code == 0
    assert "dense(units=6, activation=tanh)" in found.out
    assert "train 36, val 12, test 12 rows" in found.out
    assert "north 18, south 18" in found.out
    assert found.out.splitlines()[-1].endswith("clouds.yaml: OK")
    assert not (work / "runs").exists()


def test_check_as_json(cli: Cli, work: Path) -> None:
    found = cli("check", "clouds.yaml", "model.hidden=[5]", "--json").json
    assert {"ok", "parameters", "flops_per_example", "memory_bytes", "layers", "data"} <= set(found)
    assert found["ok"] is True
    assert found["parameters"] == 2 * 5 + 5 + 5 * 2 + 2
    assert found["data"]["rows"] == {"train": 36, "val": 12, "test": 12}


def test_a_config_that_does_not_hold_up_fails_the_check(cli: Cli, work: Path) -> None:
    found = cli("check", "clouds.yaml", "metrics=[r2]", "--json")
    assert found.code == 2
    [event] = found.events
    assert event["event"] == "error" and event["errors"][0]["path"] == "metrics[0]"


def test_summary_of_a_config_and_of_its_run(cli: Cli, trained: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(trained.parents[1])
    of_run = cli("summary", "latest")
    assert of_run.code == 0 and of_run == cli("summary", "clouds.yaml")
    assert "head" in of_run.out and "parameters" in of_run.out
    assert cli("summary", "latest", "--json").json["parameters"] == 32


def test_a_run_cannot_be_changed_for_a_summary(cli: Cli, trained: Path) -> None:
    found = cli("summary", str(trained), "model.hidden=[3]")
    assert found.code == 2 and "model.hidden=[3]" in found.err


def test_a_config_wins_over_a_run(cli: Cli, work: Path) -> None:
    cli("train", "clouds.yaml", "--name", "iris-mlp", "train.epochs=1")
    assert cli("summary", "iris-mlp", "--json").json["data"]["target"]["columns"] == ["species"]
    assert cli("summary", "iris-mlp-", "--json").json["data"]["target"]["columns"] == ["cloud"]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("cluods", "neither a config nor a run 'cluods'"),
        ("digit-mlp", "did you mean 'digits-mlp'?"),
        ("nowhere.yaml", "no config file nowhere.yaml"),
        ("latest", "no runs in runs"),
    ],
)
def test_neither_a_config_nor_a_run(cli: Cli, work: Path, name: str, part: str) -> None:
    found = cli("summary", name)
    assert found.code == 2 and part in found.err


def test_gradcheck_of_a_smooth_net(cli: Cli, work: Path) -> None:
    found = cli("gradcheck", "clouds.yaml")
    assert found.code == 0, found.out
    assert found.out.count("complex step") == 5  # W and b of two layers, and the input
    assert "passed: " in found.out and "the net is smooth" in found.out
    assert "times as long" in found.out and "central differences" in found.out


def test_gradcheck_as_json(cli: Cli, trained: Path) -> None:
    found = cli("gradcheck", str(trained), "--layer", "head", "--json").json
    assert found["passed"] is True and found["max_relative_error"] < 1e-10
    assert [row["layer"] for row in found["parameters"]] == ["head", "head"]
    row = {"layer", "name", "checked", "skipped", "max_relative_error", "method", "passed"}
    assert row <= set(found["parameters"][0]) and row <= set(found["inputs"])
    cost = {"backward_seconds", "numerical_seconds", "numerical_is_extrapolated", "numerical_error"}
    assert cost <= set(found["cost"])


def test_gradcheck_of_a_layer_that_is_not_there(cli: Cli, work: Path) -> None:
    found = cli("gradcheck", "clouds.yaml", "--layer", "heda")
    assert found.code == 2 and "did you mean 'head'?" in found.err


@pytest.mark.parametrize("as_json", [False, True])
def test_a_wrong_gradient_is_exit_6(cli: Cli, work: Path, monkeypatch: Any, as_json: bool) -> None:
    from bpcli.activations.tanh import Tanh

    right = Tanh.backward

    def wrong(self: Any, *args: Any) -> Any:
        return right(self, *args) * 1.01

    monkeypatch.setattr(Tanh, "backward", wrong)
    found = cli("gradcheck", "clouds.yaml", *(["--json"] if as_json else []))
    assert found.code == 6
    if as_json:
        report, error = found.events
        assert report["passed"] is False
        assert error["exit"] == 6 and error["errors"]
    else:
        assert "WRONG" in found.out and "FAILED" in found.out
        assert "dense1.W: backpropagation and numerical differentiation do not agree" in found.err
        assert "head.W" not in found.err, "what comes after the mistake is right"


def test_list_counts_the_families(cli: Cli) -> None:
    found = cli("list", "--json").json
    counts = {family["name"]: family["count"] for family in found["families"]}
    assert counts["layers"] >= 6 and counts["sources"] >= 1
    shown = {line.split()[0]: int(line.split()[1]) for line in cli("list").out.splitlines()}
    assert shown == {**counts, "configs": found["configs"]}
    assert cli("list", "families").out == cli("list").out


def test_list_a_family(cli: Cli) -> None:
    listed = {one["name"]: one["summary"] for one in cli("list", "layers", "--json").json["components"]}
    assert listed["dense"].startswith("y = ")
    assert cli("list", "layer").out == cli("list", "layers").out
    for name, summary in listed.items():
        assert any(
            line.split() == [name, *summary.split()] for line in cli("list", "layers").out.splitlines()
        )


def test_list_configs(cli: Cli) -> None:
    configs = cli("list", "configs", "--json").json["configs"]
    digits = next(config for config in configs if config["name"] == "digits-mlp")
    assert "digits" in digits["summary"].lower() and Path(digits["file"]).is_file()
    assert "digits-mlp" in cli("list", "configs").out


def test_list_what_there_is_not(cli: Cli) -> None:
    found = cli("list", "lossses")
    assert found.code == 2 and "did you mean 'losses'?" in found.err


def test_show_a_component(cli: Cli) -> None:
    found = cli("show", "dense").out
    lines = found.splitlines()
    assert lines[0] == "dense (layer)" and lines[2].startswith("  y = ")
    assert "  units       a positive whole number (required)" in lines
    assert any(line.startswith("  bias ") and "(default true)" in line for line in lines)
    assert lines[-1] == f"source: {Path('bpcli/layers/dense.py')}"
    page = cli("show", "layers/dense", "--json").json
    assert (page["type"], page["family"]) == ("dense", "layers")
    assert {field["name"] for field in page["fields"]} >= {"units", "activation", "bias", "init"}


def test_show_by_another_name(cli: Cli) -> None:
    assert cli("show", "swish").out == cli("show", "silu").out
    assert "also called: swish" in cli("show", "swish").out


def test_show_a_name_of_several(cli: Cli) -> None:
    found = cli("show", "constant")
    assert found.code == 2
    assert "initializers/constant" in found.err and "schedules/constant" in found.err
    assert cli("show", "schedules/constant").out.startswith("constant (schedule)")


def test_show_a_config(cli: Cli) -> None:
    from bpcli.files import shipped_configs

    text = shipped_configs()["digits-mlp"].read_text()
    assert cli("show", "digits-mlp").out == text
    assert cli("show", "digits-mlp", "--json").json["text"] == text


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("dens", "did you mean 'dense'?"),
        ("layers/dens", "did you mean 'layers/dense'?"),
        ("layer/dense", "did you mean 'layers/dense'?"),
        ("layers", "bpcli list layers"),
        ("qqqqq", "bpcli list"),
        ("../base", "no family"),
        ("layers/base", "no component 'layers/base'"),
    ],
)
def test_show_what_there_is_not(cli: Cli, name: str, part: str) -> None:
    found = cli("show", name)
    assert found.code == 2 and part in found.err
