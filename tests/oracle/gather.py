"""Runs the reference tests in this process and gathers what they compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "reference"


@dataclass(frozen=True, slots=True)
class Compared:
    """One array of ours beside the oracle's: which test, of what, how far apart, and what is allowed."""

    test: str
    family: str
    component: str
    by: str
    what: str
    difference: float
    limit: float

    @property
    def file(self) -> str:
        return self.test.split("::")[0].rsplit("/", 1)[-1]

    @property
    def variant(self) -> str:
        """What stands in brackets behind the test's name."""
        return self.test.partition("[")[2].removesuffix("]")


@dataclass(slots=True, eq=False)  # a plugin is a key of pytest's
class Gathered:
    """A pytest plugin: the comparisons of the tests that passed, and those that did not."""

    compared: list[Compared] = field(default_factory=list[Compared])
    passed: Counter[str] = field(default_factory=Counter[str])
    failed: list[str] = field(default_factory=list[str])
    skipped: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)
        elif report.skipped:
            self.skipped.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds += report.duration
        if report.failed:
            self.failed.append(report.nodeid)
        elif report.skipped:
            self.skipped.append(report.nodeid)
        elif report.when == "call":
            self.passed[Path(report.fspath).name] += 1
            notes: list[Any] = [note for name, note in report.user_properties if name == "oracle"]
            self.compared += [Compared(report.nodeid, **note) for note in notes]

    def of(self, family: str) -> list[Compared]:
        return [one for one in self.compared if one.family == family]

    def without_figures(self) -> dict[str, int]:
        """The files of which no test noted a comparison, and how many tests of each passed."""
        noted = {one.file for one in self.compared}
        return {file: count for file, count in sorted(self.passed.items()) if file not in noted}


def one_sided(gathered: Gathered) -> list[str]:
    """Layers, activations and losses of which no output, or no gradient, was compared (dx, dW, …)."""
    found: list[str] = []
    for family in ("layers", "activations", "losses"):
        for name, group in grouped(gathered.of(family), lambda one: one.component).items():
            if {one.what.startswith("d") for one in group} != {False, True}:
                found.append(f"{family}: {name}")
    return found


def run(paths: Iterable[Path] = (FOLDER,), *options: str) -> Gathered:
    """All reference tests, the slow ones too."""
    gathered = Gathered()
    quiet = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=short", "-m", "not full")
    code = pytest.main([*map(str, paths), *quiet, *options], plugins=[gathered])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) or (code and not gathered.failed):
        gathered.failed.append(f"pytest ended with {code!r}")
    return gathered


def cases(compared: Iterable[Compared]) -> int:
    """How many configurations were compared: a component in one test is one."""
    return len({(one.test, one.component) for one in compared})


def largest(compared: Iterable[Compared]) -> float:
    return max((one.difference for one in compared), default=0.0)


def grouped(compared: Iterable[Compared], key: Callable[[Compared], str]) -> dict[str, list[Compared]]:
    found: dict[str, list[Compared]] = {}
    for one in compared:
        found.setdefault(key(one), []).append(one)
    return dict(sorted(found.items()))
