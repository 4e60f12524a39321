"""Shared by the tests that simulate disks."""

from __future__ import annotations

import pytest


@pytest.fixture
def no_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process writes meanwhile, so a reader who finds no `last` need not wait for one."""
    monkeypatch.setattr("bpcli.runs.kept._WAITS", (0.0,))
