"""The benchmarks end to end on small nets, and that other work is noticed."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from benchmarks import job, measures
from benchmarks.__main__ import main
from benchmarks.machine import Watch, facts
from benchmarks.nets import mlp
from benchmarks.peers import PEERS
from benchmarks.runner import SAME, _differences, measure
from benchmarks.table import STEPS, disturbed, row, rows
from benchmarks.workload import Workload, vectors
from benchmarks.workloads import chosen, known

SMALL = Workload("small", "MLP 6-8-3", mlp((8,), 3), vectors(16 * 16, 6, 3), batch=16)
QUICK: dict[str, Any] = {"threads": 1, "repeats": 2, "seconds": 0.02}


def test_a_small_net_is_timed_in_bpcli() -> None:
    found = measure(SMALL, ["bpcli"], **QUICK)
    assert found["parameters"] == 6 * 8 + 8 + 8 * 3 + 3
    ours = found["peers"]["bpcli"]
    assert 0 < ours["low"] <= ours["high"]
    assert len(ours["losses"]) == job.CHECKED
    assert all(0 < loss < 10 for loss in ours["losses"])
    assert found["sgemm_gflops"] > 1
    text = list(rows(found))
    assert "small (1) | bpcli" in text[0]
    assert text[0].count("|") == STEPS[0].count("|")


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["torch", "sklearn", "jax", "keras"])
@pytest.mark.parametrize(
    "name", [one.name for one in known().values() if not one.family and one.name != "mlp_wide"]
)
def test_every_peer_does_the_same_work(name: str, peer: str) -> None:
    found = measure(known()[name], ["bpcli", peer], **QUICK)
    if peer in found["absent"]:
        pytest.skip(found["absent"][peer])
    assert found["differences"].get(peer, 0.0) <= 0.2 * SAME


def test_other_work_is_noticed() -> None:
    ours = {"losses": [1.0, 0.9, 0.8]}
    apart = _differences(
        {"bpcli": ours, "same": {"losses": [1.0, 0.9, 0.8]}, "other": {"losses": [1.0, 0.9, 0.79]}}
    )
    assert apart == {"same": 0.0, "other": pytest.approx(0.01)}
    assert apart["other"] > SAME
    mean = _differences({"bpcli": ours, "one": {"losses": [0.9]}})
    assert mean["one"] < 1e-12


@pytest.mark.slow
def test_another_rate_is_other_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The peers' job says another learning rate than bpcli's config: the losses tell."""
    config = Workload.config

    def faster(self: Workload, source: dict[str, Any], threads: int) -> dict[str, Any]:
        return config(replace(self, lr=2 * self.lr), source, threads)

    monkeypatch.setattr(Workload, "config", faster)
    found = measure(SMALL, ["bpcli", "sklearn"], **QUICK)
    if "sklearn" in found["absent"]:
        pytest.skip(found["absent"]["sklearn"])
    assert found["differences"]["sklearn"] > SAME


@pytest.mark.parametrize(
    ("name", "megaflops"),
    [  # forward, and twice that backward but for dx of the first layer
        ("mlp_big", 2 * 128 * (2 * 784 * 512 + 3 * 512 * 256 + 3 * 256 * 10) / 1e6),
        ("mlp_small", 2 * 32 * (2 * 30 * 64 + 3 * 64 * 32 + 3 * 32 * 2) / 1e6),
        ("gru_small", 64 * (2 * 40 * 2 * 65 * 64 * 3 + 3 * 2 * 64) / 1e6),
        ("mlp_big_predict_1", 2 * (784 * 512 + 512 * 256 + 256 * 10) / 1e6),
    ],
)
def test_flops(name: str, megaflops: float, tmp_path: Path) -> None:
    assert job.prepare(known()[name], tmp_path, 1)["gemm_flops"] / 1e6 == pytest.approx(megaflops)


def test_every_workload_has_its_own_name_and_says_what_it_is() -> None:
    every = known()
    assert {"mlp_big", "mlp_small", "cnn", "resnet8", "lstm", "gru_small", "mlp_wide"} <= set(every)
    assert all(one.what and one.name == name for name, one in every.items())
    assert {one.family for one in every.values()} >= {
        "width",
        "depth",
        "batch",
        "steps",
        "image",
        "rows",
        "threads",
    }
    assert [one.name for one in chosen(["mlp_big", "threads"])] == ["mlp_big", "threads=1", "threads=2"]
    assert not any(one.family for one in chosen([]))
    with pytest.raises(SystemExit, match="no workload 'mlp_bug'"):
        chosen(["mlp_bug"])


def test_every_peer_and_measure_is_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(measures.__file__).parent.parent
    assert all((folder / "peers" / f"{module}.py").exists() for module in PEERS.values())
    for name in measures.names():
        module = import_module(f"benchmarks.measures.{name}")
        assert module.__doc__
        assert callable(module.find)
    assert main(["--list"]) == 0
    said = capsys.readouterr().out
    assert "mlp_big" in said
    assert "whole_process" in said
    with pytest.raises(SystemExit, match="no peer 'tensorflow'"):
        main(["--peers", "tensorflow"])


def test_findings_have_a_line_each() -> None:
    finding = {
        "measure": "m", "what": "a file", "unit": "s", "ours": 0.5, "peer": "it", "theirs": 2.0, "note": "",
        "ratio": 0.25,
    }  # fmt: skip
    assert row(finding) == "| a file | 0.5 s | it | 2 s | 0.25 |  |"
    assert row(finding | {"theirs": None, "ratio": None, "peer": ""}) == "| a file | 0.5 s |  |  |  |  |"


def test_the_machine_is_told() -> None:
    told = facts()
    assert told["numpy"]
    assert told["cores"]
    assert disturbed(0.3) == "*others used 0.30 cores meanwhile*"
    assert disturbed(0.01) == disturbed(None) == ""
    others = Watch().others(0.0)
    assert others is None or others >= 0
