"""Whom the error names, when the name on disk may be old, foreign or missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bpcli.errors import LockedError
from bpcli.runs.lock import RunLock


def _told(folder: Path) -> str:
    with pytest.raises(LockedError) as caught:
        RunLock(folder).acquire()
    return str(caught.value)


def test_whom_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpcli.runs.lock._PATIENCE", 0.05)
    lock = RunLock(tmp_path)
    lock.acquire()
    owner = tmp_path / ".lock.json"
    assert _told(tmp_path).startswith(f"{tmp_path}: process {os.getpid()} is writing this run; wait until")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = json.loads(owner.read_bytes())["host"]
    for content in (
        f'{{"pid":{gone.pid},"host":"{host}"}}',
        '{"pid":1',
        "",
        "[]",
        '{"pid":"x","host":1}',
        "\x00\xff",
    ):
        owner.write_text(content, "latin-1")
        assert ": another process is writing this run;" in _told(tmp_path)
    owner.write_text('{"pid":77,"host":"elsewhere"}')
    assert ": process 77 on elsewhere is writing this run;" in _told(tmp_path)
    owner.unlink()
    assert ": another process is writing this run;" in _told(tmp_path)
    lock.release()
    lock.release()
    RunLock(tmp_path).acquire()
