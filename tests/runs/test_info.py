"""What run.json says is not trusted, and `latest` is that of the folder that was named."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpcli.errors import CheckpointError
from bpcli.runs.find import find_run
from bpcli.runs.folder import RunFolder


def _run(runs: Path, name: str) -> Path:
    with RunFolder.create(runs, name, config_text="a: 1\n", resolved="a: 1\n", info={}) as folder:
        return folder.path


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"config_folder": 3}',
        '{"horizon": "9"}',
        '{"horizon": true}',
        '{"data": null}',
        '{"environment": []}',
    ],
)
def test_a_run_file_with_fields_of_the_wrong_kind(tmp_path: Path, text: str) -> None:
    runs = tmp_path / "runs"
    path = _run(runs, "net")
    (path / "run.json").write_text(text)
    with pytest.raises(CheckpointError, match="is damaged") as caught:
        RunFolder.open(str(path), runs, lock=False)
    assert caught.value.problems[0].file == str(path / "run.json")


def test_a_run_file_without_a_field(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    path = _run(runs, "net")
    (path / "run.json").write_text("{}")
    run = RunFolder.open(str(path), runs, lock=False)
    assert run.info.get("data") is None
    with pytest.raises(CheckpointError, match="it has no 'config_folder'"):
        run.info["config_folder"]


def test_latest_is_that_of_the_runs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, elsewhere = tmp_path / "runs", tmp_path / "elsewhere"
    other, here = _run(elsewhere, "net"), _run(runs, "net")
    monkeypatch.chdir(elsewhere)
    assert find_run("latest", runs).samefile(here)
    assert find_run("latest", tmp_path / "none").samefile(other), "in a folder of runs, without any other"
