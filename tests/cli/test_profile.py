"""`profile`: the parts of a step, what they add up to, and that nothing else changes."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from time import sleep
from typing import Any

import pytest

import bpcli
from bpcli.callbacks.base import StopTraining
from bpcli.errors import Diverged
from bpcli.layers.dense import Dense
from bpcli.losses.cross_entropy import CrossEntropy
from bpcli.spec.load import load_mapping
from bpcli.train import trainer as loop
from bpcli.train.describe import summary
from bpcli.train.profile import profile
from bpcli.train.timed_steps import LOOP, SETTLE

from .conftest import Cli, command, surroundings

IRIS = {"source": {"type": "csv", "path": "datasets/iris.csv", "target": "species"}, "batch_size": 30}
TEXT = {"source": {"type": "text", "path": "datasets/sonnets.txt", "steps": 12}, "batch_size": 16}
SERIES = {
    "source": {"type": "series", "path": "datasets/airline.csv", "target": ["passengers"], "inputs": 12},
    "batch_size": 8,
}


def tree(data: dict[str, Any], *layers: Any, **changes: Any) -> dict[str, Any]:
    model = {"type": "sequential", "head": "auto", "layers": list(layers)}
    return {"version": 1, "name": "p", "data": data, "model": model, "train": {"epochs": 1}} | changes


DENSE = {"type": "dense", "units": 16, "activation": "tanh"}
EMBEDDING = {"type": "embedding", "units": 8}
LSTM = {"type": "lstm", "units": 12, "return_sequences": True}
CONV = {"type": "conv2d", "filters": 4, "kernel": 3, "padding": "same"}
NETS: dict[str, dict[str, Any]] = {
    "dense": tree(IRIS, DENSE, DENSE),
    "image": tree(
        IRIS,
        {"type": "reshape", "shape": [2, 2, 1]},
        {"type": "residual", "projection": True, "layers": [CONV]},
        "batch_norm", "flatten",
    ),
    "text": tree(TEXT, EMBEDDING, LSTM, {"type": "dropout", "rate": 0.1}),
    "transformer": tree(TEXT) | {
        "model": {
            "type": "transformer", "symbols": "auto", "units": 8, "heads": 2, "blocks": 1, "causal": True,
            "return_sequences": True,
        }
    },
    "series": tree(SERIES, {"type": "bidirectional", "layer": {"type": "gru", "units": 6}}),
    "all": tree(
        IRIS, DENSE, {"type": "activity_penalty", "l2": 0.01},
        train={"epochs": 2, "accumulate": 2, "clip_global_norm": 1.0, "average": {"kind": "ema"}},
        regularize=[{"type": "l2", "rate": 0.01}], callbacks=["gradient_norms"],
        optimizer={"type": "adam", "weight_decay": 0.01},
    ),
}  # fmt: skip


def found(net: dict[str, Any], steps: int = 12, warmup: int = 2) -> dict[str, Any]:
    return profile(load_mapping(net, folder=Path.cwd()), steps=steps, warmup=warmup)


@pytest.fixture(autouse=True)
def quick_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpcli.train.limits._SECONDS", 0.01)
    monkeypatch.setattr("bpcli.train.limits._BYTES", 1 << 20)


@pytest.mark.parametrize("name", NETS)
def test_the_parts_add_up_to_the_step(name: str) -> None:
    told = found(NETS[name])
    assert told["steps"] == 12 and 0.95 <= told["accounted"] <= 1.02
    rows = [*told["layers"], *told["loop"]]
    assert told["accounted"] == pytest.approx(sum(row["share"] for row in rows))
    shown = summary(load_mapping(NETS[name], folder=Path.cwd()))["layers"]
    assert [row["name"] for row in told["layers"]] == ["net", *(layer["name"] for layer in shown)]
    assert [row["name"] for row in told["loop"]] == list(LOOP)
    times = {row["name"]: row["seconds"] for row in told["loop"]}
    assert min(times["batches"], times["loss"], times["optimizer"], times["scoring"], times["the rest"]) > 0
    plain = [row for row in told["layers"] if not row["container"]]
    assert all(row["forward"]["seconds"] > 0 for row in plain)
    assert all(row["forward"]["bytes"] >= 0 and row["buffers"] >= 0 for row in plain)


def test_the_work_of_a_dense_net_is_counted() -> None:
    """FLOPs and bytes by hand; the first layer has no gradient of its input to compute."""
    told = found(tree(IRIS, DENSE, {"type": "dense", "units": 5}))
    by_name = {row["name"]: row for row in told["layers"]}
    n, rows = 30, {"dense1": (4, 16), "dense2": (16, 5), "head": (5, 3)}
    for name, (inputs, units) in rows.items():
        weights = inputs * units + units
        forward, backward = by_name[name]["forward"], by_name[name]["backward"]
        first = name == "dense1"
        flops = Dense.model_validate({"units": units}).flops((inputs,), (units,)) * n
        assert flops >= 2 * n * inputs * units
        assert (forward["flops"], backward["flops"]) == (flops, flops * (1 if first else 2))
        assert forward["bytes"] == 4 * (n * (inputs + units) + weights)
        back = n * (units + inputs + (0 if first else inputs)) + 2 * weights
        assert backward["bytes"] == 4 * back
        for one in (forward, backward):
            assert one["flops_per_second"] == pytest.approx(one["flops"] / one["seconds"])
            machine = told["machine"]
            least = max(
                one["flops"] / machine["flops_per_second"], one["bytes"] / machine["bytes_per_second"]
            )
            assert one["of_limit"] == pytest.approx(least / one["seconds"])


def test_what_only_has_another_shape_moves_nothing() -> None:
    told = found(tree(IRIS, {"type": "reshape", "shape": [2, 2]}, "flatten", DENSE))
    shapes = [row for row in told["layers"] if row["type"] in ("reshape", "flatten")]
    assert [row["forward"]["bytes"] for row in shapes] == [0, 0]


def test_a_slow_part_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a loss, a layer and the scoring sleep is booked to them, and to nobody else."""

    def slower(owner: Any, name: str, seconds: float) -> None:
        function = getattr(owner, name)

        def slow(*arguments: Any) -> Any:
            sleep(seconds)
            return function(*arguments)

        monkeypatch.setattr(owner, name, slow)

    slower(CrossEntropy, "__call__", 0.004)
    slower(Dense, "backward", 0.002)
    slower(loop.Trainer, "_score", 0.003)
    told = found(tree(IRIS, DENSE), steps=4)
    times = {row["name"]: row["seconds"] for row in told["loop"]}
    backward = {row["name"]: row["backward"]["seconds"] for row in told["layers"]}
    assert times["loss"] > 0.004 and times["scoring"] > 0.003
    assert backward["dense1"] > 0.002 and backward["head"] > 0.002
    others = [times[name] for name in LOOP if name not in ("loss", "scoring")]
    assert max(*others, backward["net"]) < 0.002
    assert told["step_seconds"] > 0.011 and told["accounted"] > 0.95


def test_the_training_is_the_same_with_clocks_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After as many steps the weights are those of a run without."""
    kept: list[tuple[int, Any]] = []
    fit, after = loop.Trainer.fit, loop.Trainer._after_step

    def watched(self: loop.Trainer, *given: Any) -> str:
        status = fit(self, *given)
        kept.append((self.step, self.model.store.w.copy()))
        return status

    def stopped(self: loop.Trainer) -> None:
        after(self)
        if self.step == kept[0][0]:
            raise StopTraining("enough")

    monkeypatch.setattr(loop.Trainer, "fit", watched)
    net = NETS["all"] | {"train": NETS["all"]["train"] | {"epochs": 9}}
    found(net, steps=3, warmup=2)
    monkeypatch.setattr(loop.Trainer, "_after_step", stopped)
    bpcli.train(net, runs_dir=tmp_path)
    assert kept[0][0] == kept[1][0] == 2 + 3 + SETTLE + 3
    assert (kept[0][1] == kept[1][1]).all()


def test_more_steps_than_the_config_has_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = {kind: (kind.forward, kind.backward) for kind in (Dense,)}
    functions = CrossEntropy.__call__, loop.clip, loop.Trainer._update
    told = found(tree(IRIS, DENSE), steps=30)  # four steps an epoch
    assert told["steps"] == 30 and told["rows"] > 20
    assert list(tmp_path.iterdir()) == []
    assert before == {kind: (kind.forward, kind.backward) for kind in (Dense,)}
    assert "forward" in vars(Dense) and "__call__" not in vars(CrossEntropy)
    assert functions == (CrossEntropy.__call__, loop.clip, loop.Trainer._update)


def test_the_clocks_come_off_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = Dense.forward
    net = tree(IRIS, {"type": "dense", "units": 4}, optimizer={"type": "sgd", "lr": 1e30})
    with pytest.raises(Diverged):
        found(net, steps=50, warmup=1)
    assert Dense.forward is forward


# --- the command ------------------------------------------------------------------------------------


def test_the_table(cli: Cli, work: Path) -> None:
    told = cli("profile", "clouds.yaml", "--steps", "5", "--warmup", "2")
    assert told.code == 0 and not (work / "runs").exists()
    lines = told.out.splitlines()
    assert lines[0].split() == ["layer", "time", "step", "GFLOP/s", "moved", "limit"]
    assert lines[1].split()[:2] == ["net", "wiring"]
    assert re.search(
        r"^dense1 +forward +[\d.]+ µs +[\d.]+% +[\d.]+ +[\d.]+ [KM]?i?B +[\d.]+%$", told.out, re.M
    )
    assert re.search(r"^ +backward +[\d.]+ ", told.out, re.M)
    assert re.search(r"^optimizer +[\d.]+ [µm]s +[\d.]+%$", told.out, re.M)
    assert re.search(r"^step +.* rows a second$", told.out, re.M)
    assert re.search(r"^limit +[\d.]+ GFLOP/s and [\d.]+ GB/s, float32, \d+ threads?$", told.out, re.M)
    share = re.search(r"([\d.]+)% of it above; the middle half of 5 steps$", told.out, re.M)
    assert share is not None and 95 <= float(share[1]) <= 102
    assert max(map(len, lines)) <= 80


def test_as_json(cli: Cli, work: Path) -> None:
    told = cli("profile", "clouds.yaml", "train.precision=float64", "--steps", "4", "--json").json
    assert set(told) == {
        "name", "steps", "rows", "step_seconds", "rows_per_second", "timed_step_seconds", "accounted",
        "layers", "loop", "machine",
    }  # fmt: skip
    assert set(told["layers"][1]) == {
        "name", "type", "depth", "container", "forward", "backward", "share", "buffers",
    }  # fmt: skip
    assert set(told["layers"][1]["forward"]) == {
        "seconds", "share", "flops", "bytes", "flops_per_second", "bytes_per_second", "of_limit",
    }  # fmt: skip
    assert told["machine"]["dtype"] == "float64" and told["machine"]["threads"] >= 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["clouds.yaml", "--steps", "0"], "--steps"),
        (["clouds.yaml", "train.device=cuda"], "the clock is that of the processor"),
        (["nothing"], "no config file nothing"),
        (["clouds.yaml", "model.hidden=[0]"], "model.hidden"),
    ],
)
def test_what_cannot_be_profiled(cli: Cli, work: Path, arguments: list[str], said: str) -> None:
    told = cli("profile", *arguments)
    assert told.code == 2 and said in told.err and not told.out


def test_a_signal_stops_it(work: Path) -> None:
    process = subprocess.Popen(
        command("profile", "clouds.yaml", "--steps", "1000000"),
        cwd=work, env=surroundings(TMPDIR=str(work)), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until = time.monotonic() + 60
    while not list(work.glob("bpcli-profile-*/*/run.json")) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and said.strip() == "stopped by a signal"
    assert not list(work.glob("bpcli-profile-*"))
