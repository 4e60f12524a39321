"""A run folder from its start to a resume, and every way to ask for it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from bpcli.errors import CheckpointError, UsageError, WriteError
from bpcli.runs.folder import RunFolder, list_runs
from tests.reliability import story


def _run(runs: Path, name: str) -> Path:
    with RunFolder.create(runs, name, config_text="a: 1\n", resolved="a: 1\n", info={}) as folder:
        return folder.path


def test_a_new_folder(tmp_path: Path) -> None:
    runs = tmp_path / "deep" / "runs"
    info = {"status": "running", "command": ["bpcli", "train"], "blas": {"threads": 1}}
    with RunFolder.create(
        runs, "my-net_1.0", config_text="a: ü # as written\n", resolved="a: ü\n", info=info
    ) as run:
        assert re.fullmatch(r"my-net_1\.0-\d{8}-\d{6}-[0-9a-f]{4}", run.path.name)
        assert run.path.parent == runs and run.name == run.path.name
        assert (runs / "latest").resolve() == run.path.resolve()
        assert (
            run.read_text("config.yaml") == "a: ü # as written\n"
            and run.read_text("resolved.yaml") == "a: ü\n"
        )
        assert info.items() <= run.info.items()
        assert run.info["format"] == 1 and run.info["name"] == "my-net_1.0" and run.info["run"] == run.name
        run.update(status="completed", result={"loss": float("nan")})
        run.write_text("pipeline.json", "{}")
        assert run.read_text("pipeline.json") == "{}"
    text = (run.path / "run.json").read_text("utf-8")
    assert json.loads(text)["status"] == "completed" and json.loads(text)["result"] == {"loss": None}
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert (run.path / "checkpoints").is_dir()
    assert RunFolder.open("latest", runs, lock=False).info == json.loads(text)


def test_each_start_has_its_own_folder(tmp_path: Path) -> None:
    paths = [_run(tmp_path, "a") for _ in range(20)]
    assert len(set(paths)) == 20 and set(list_runs(tmp_path)) == set(paths)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 81, "a\n", "ü"])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a run"):
        _run(tmp_path / "runs", name)
    assert not (tmp_path / "runs").exists()


def test_a_file_where_runs_should_be(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("mine")
    with pytest.raises(WriteError, match="a folder is needed here, but this is a file") as caught:
        _run(tmp_path / "runs", "a")
    assert caught.value.exit_code == 4 and (tmp_path / "runs").read_text() == "mine"
    assert list_runs(tmp_path / "runs") == list_runs(tmp_path / "nowhere") == []


def test_a_folder_named_latest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "mine").write_text("x")
    with pytest.raises(WriteError, match="latest: it cannot be written"):
        _run(tmp_path, "a")
    assert (tmp_path / "latest" / "mine").exists() and list_runs(tmp_path) == []


def test_ways_to_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = tmp_path / "runs"
    wine, iris, other = (_run(runs, name) for name in ("wine", "iris", "iris-big"))

    def find(ref: str) -> Path:
        return RunFolder.open(ref, runs, lock=False).path

    assert find(str(wine)) == find(wine.name) == find("wine") == find(wine.name[:-2]) == wine
    assert find("latest") == other and find("iris-b") == other
    with pytest.raises(CheckpointError, match=rf"2 runs in .* begin with 'iris': {iris.name}, {other.name}"):
        find("iris")
    with pytest.raises(CheckpointError, match=r"there is no run 'wein'; did you mean 'wine'\?"):
        find("wein")
    with pytest.raises(CheckpointError, match=f"there is no run 'zzz'; there are .*{wine.name}"):
        find("zzz")
    with pytest.raises(CheckpointError, match=r"not a run folder: it has no run\.json"):
        find(str(runs))
    with pytest.raises(CheckpointError, match="a file, not a run folder; give the folder"):
        find(str(wine / "run.json"))
    with pytest.raises(CheckpointError, match="not a run folder"):
        find("")
    monkeypatch.chdir(wine)
    assert RunFolder.open(".", runs, lock=False).name == wine.name
    # A link is followed once: tomorrow it may lead elsewhere.
    assert find(str(runs / "latest")) == other


def test_latest_that_leads_nowhere(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"there are no runs in .*; start one with `bpcli train`"):
        RunFolder.open("latest", tmp_path / "runs", lock=False)
    with pytest.raises(CheckpointError, match="there are no runs in"):
        RunFolder.open("digits", tmp_path / "runs", lock=False)
    first, second = _run(tmp_path, "b"), _run(tmp_path, "a")
    latest = tmp_path / "latest"
    for text in (first.name, f" {first.name}\n"):
        latest.unlink()
        latest.write_text(text)
        assert RunFolder.open("latest", tmp_path, lock=False).path == first
    for text in ("gone", "../b", "", "\0"):
        latest.write_text(text)
        assert RunFolder.open("latest", tmp_path, lock=False).path in (first, second)
    latest.unlink()
    assert RunFolder.open("latest", tmp_path, lock=False).path == list_runs(tmp_path)[-1]


def test_runs_are_listed_by_age(tmp_path: Path) -> None:
    for name in ("b-20250101-000000-0001", "a-20250102-000000-0001", "c-20240101-000000-0001"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
    (tmp_path / "half-20260101-000000-0001").mkdir()
    (tmp_path / "latest").symlink_to("a-20250102-000000-0001")
    assert [path.name[0] for path in list_runs(tmp_path)] == ["c", "b", "a"]


def test_three_checkpoints(tmp_path: Path) -> None:
    path = story.first_session(tmp_path)
    folder = RunFolder.open(str(path), tmp_path, lock=False)
    assert [folder.load(which)[1]["step"] for which in ("last", "prev", "best")] == [3, 2, 2]
    arrays, meta, which, warnings = folder.load_newest()
    assert (meta["step"], which, warnings) == (3, "last", [])
    assert np.array_equal(arrays["w"], story.state(3)["w"])
    assert folder.has("best") and sorted(os.listdir(path / "checkpoints")) == [
        "best.safetensors", "last.safetensors", "prev.safetensors",
    ]  # fmt: skip


@pytest.mark.parametrize("damage", ["cut", "gone", "link"])
def test_a_bad_last_falls_back_and_says_so(tmp_path: Path, damage: str) -> None:
    path = story.first_session(tmp_path)
    last = path / "checkpoints" / "last.safetensors"
    if damage == "cut":
        last.write_bytes(last.read_bytes()[:-5])
    else:
        last.unlink()
    if damage == "link":
        last.symlink_to("prev.safetensors")
    with RunFolder.open("latest", tmp_path, lock=True) as folder:
        _, meta, which, warnings = folder.load_newest()
        assert (meta["step"], which) == (2, "prev")
        assert (
            "last.safetensors" in warnings[0] and warnings[-1] == "going on from 'prev', the state of step 2"
        )
        folder.truncate_metrics(meta["metrics_length"])
        story.save(folder, 3)
        # The good `prev` was not pushed out by the bad `last`.
        assert [folder.load(one)[1]["step"] for one in ("last", "prev", "best")] == [3, 2, 2]
        assert folder.load_newest()[3] == []


def test_a_bad_last_is_not_rotated_in_unread(tmp_path: Path) -> None:
    path = story.first_session(tmp_path)
    (path / "checkpoints" / "last.safetensors").write_bytes(b"rot")
    with RunFolder.open("latest", tmp_path, lock=True) as folder:
        folder.save(story.state(9), {"step": 9}, best=False)
        assert [folder.load(one)[1]["step"] for one in ("last", "prev")] == [9, 2]


def test_a_bad_best_is_told_even_where_last_is_good(tmp_path: Path) -> None:
    path = story.first_session(tmp_path)
    (path / "checkpoints" / "best.safetensors").write_bytes(b"rot")
    _, meta, which, warnings = RunFolder.open("latest", tmp_path, lock=False).load_newest()
    assert (meta["step"], which, len(warnings)) == (3, "last", 1)
    assert "best.safetensors: " in warnings[0]


def test_no_valid_checkpoint(tmp_path: Path) -> None:
    path = _run(tmp_path, "a")
    folder = RunFolder.open("latest", tmp_path, lock=False)
    with pytest.raises(CheckpointError, match="stopped before its first checkpoint; train it anew"):
        folder.load_newest()
    with pytest.raises(CheckpointError, match="no checkpoint 'best'; it was stopped before its first save"):
        folder.load("best")
    for which in ("last", "prev"):
        (path / "checkpoints" / f"{which}.safetensors").write_bytes(b"rot")
    with pytest.raises(CheckpointError, match=r"no checkpoint 'best'; it has last and prev"):
        folder.load("best")
    with pytest.raises(CheckpointError, match=r"no valid checkpoint: .*last\.safetensors.*prev\.safetensors"):
        folder.load_newest()


def test_logs_and_csv(tmp_path: Path) -> None:
    with story.start(tmp_path) as folder:
        assert folder.metrics_length == 0
        folder.log_metrics(story.line(1))
        folder.log_timing({"seconds": 0.5})
        folder.log_text("one\ntwo\n")
        folder.rebuild_csv()
        length = folder.metrics_length
    assert length == (folder.path / "metrics.jsonl").stat().st_size
    assert (folder.path / "metrics.csv").read_text() == "epoch,step,train.loss\n1,1,1.0\n"
    assert (folder.path / "timing.jsonl").read_text() == '{"seconds":0.5}\n'
    assert (folder.path / "log.txt").read_text() == "one\ntwo\n"
    assert folder.read_metrics() == [{"v": 1, **story.line(1)}]
    with RunFolder.open("latest", tmp_path, lock=True) as again:
        again.log_text("three")
        again.log_metrics(story.line(2))
        assert again.metrics_length > length
        assert again.truncate_metrics(length) is None
    assert (folder.path / "log.txt").read_text() == "one\ntwo\nthree\n"


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = story.first_session(tmp_path)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    folder = RunFolder.open("latest", tmp_path, lock=False)
    for write in (
        lambda: folder.update(x=1),
        lambda: folder.save({}, {"step": 4}, best=False),
        lambda: folder.log_metrics({}),
        lambda: folder.truncate_metrics(0),
        lambda: folder.log_text("x"),
        lambda: folder.write_text("x", "y"),
        folder.rebuild_csv,
    ):
        with pytest.raises(RuntimeError, match="opened for reading"):
            write()
    folder.load_newest()
    folder.close()
    assert before == {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_files_of_the_folder_only(tmp_path: Path) -> None:
    with story.start(tmp_path) as folder:
        for name in ("../x", "checkpoints/x", ""):
            with pytest.raises(ValueError, match="not the name of a file"):
                folder.write_text(name, "x")
        with pytest.raises(CheckpointError, match=r"labels\.json: the run has no such file"):
            folder.read_text("labels.json")


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_run_file(tmp_path: Path, content: bytes) -> None:
    path = story.first_session(tmp_path)
    (path / "run.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"run\.json: the file is damaged"):
        RunFolder.open("latest", tmp_path, lock=True)
    (path / "run.json").write_text("{}")
    RunFolder.open("latest", tmp_path, lock=True).close()  # the lock was given back


def test_the_first_error_is_the_one_that_is_told(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), story.start(tmp_path) as folder:
        folder.log_text("x")
        os.close(folder._others["log.txt"]._descriptor)  # so that closing it fails
        raise ZeroDivisionError
    with (
        pytest.raises(WriteError, match="Bad file descriptor"),
        RunFolder.open("latest", tmp_path, lock=True) as again,
    ):
        again.log_text("x")
        os.close(again._others["log.txt"]._descriptor)
    RunFolder.open("latest", tmp_path, lock=True).close()
