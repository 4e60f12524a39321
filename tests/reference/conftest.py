"""What lets comparisons be noted with the test that makes them; see compare.py."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from tests.reference import compare


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "oracle(family, *components, by): compares these with an oracle")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """A test that says what it compares has compared something, of each that it names."""
    compare.running = item
    try:
        yield
    finally:
        compare.running = None
    marked = {name for mark in item.iter_markers("oracle") for name in mark.args[1:]}
    notes: list[Any] = [note for key, note in item.user_properties if key == "oracle"]
    found = {note["component"] for note in notes}
    assert marked <= found, f"marked, and not compared: {', '.join(sorted(marked - found))}"
