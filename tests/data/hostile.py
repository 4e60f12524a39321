"""What the tests of hostile sequences share: small configs written out, runs, and the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import bpcli
from bpcli.__main__ import main

NET: dict[str, Any] = {"type": "sequential", "head": "auto"}


def write(folder: Path, tree: dict[str, Any], **files: str | bytes) -> None:
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name.replace("_", ".")).write_bytes(data)
    whole = {"version": 1, "name": "h", "train": {"epochs": 3}, **tree}
    (folder / "h.yaml").write_text(yaml.safe_dump(whole))


def trained(factory: pytest.TempPathFactory, tree: dict[str, Any], epochs: int = 3, **files: str) -> Path:
    folder = factory.mktemp("run")
    write(folder, tree, **files)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return bpcli.train("h.yaml", [f"train.epochs={epochs}"], runs_dir=folder / "runs").run


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What the command says; that it is a refusal of two lines at most, and no traceback."""
    capsys.readouterr()
    code = main(list(map(str, arguments)))
    out, err = capsys.readouterr()
    assert (code, out) == (2, "") and err.startswith("error: ") and err.count("\n") <= 2, err
    return err


def predicted(capsys: pytest.CaptureFixture[str], run: Path, file: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["predict", str(run), "--data", file]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def measured(capsys: pytest.CaptureFixture[str], run: Path, file: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["evaluate", str(run), "--data", file, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["metrics"]
