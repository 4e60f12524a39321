"""Every component is compared with another implementation, or a table says why not, and what is done."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bpcli.spec.registry import family
from tests.reference.compare import covers, oracle
from tests.reference.exceptions import EXCEPTIONS

pytest.importorskip("torch")
pytest.importorskip("sklearn")

CHECKED = ("layers", "activations", "losses", "optimizers", "schedules", "metrics")
FOLDER = Path(__file__).parent


def marked(module: ModuleType) -> set[tuple[str, str]]:
    """(family, component) of every mark on the tests of a module and on their parameters."""
    found: set[tuple[str, str]] = set()
    for name, test in inspect.getmembers(module, inspect.isfunction):
        marks: list[Any] = list(getattr(test, "pytestmark", ())) if name.startswith("test_") else []
        marks += [
            inner
            for mark in marks
            if mark.name == "parametrize"
            for values in mark.args[1]
            for inner in getattr(values, "marks", ())
        ]
        for mark in marks:
            if mark.name == "oracle":
                found |= {(mark.args[0], component) for component in mark.args[1:]}
    return found


def compared() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for path in sorted(FOLDER.glob("test_*.py")):
        found |= marked(import_module(f"tests.reference.{path.stem}"))
    return found


@pytest.mark.parametrize("name", CHECKED)
def test_nothing_is_left_uncompared(name: str) -> None:
    known = set(family(name).own_names())
    seen, excused = {one for kind, one in compared() if kind == name}, set(EXCEPTIONS.get(name, {}))
    left = ", ".join(sorted(known - seen - excused))
    assert not left, (
        f"compare {left} with PyTorch or scikit-learn in tests/reference (see compare.py), or say in "
        "exceptions.py why that cannot be, and what checks them instead"
    )
    assert excused <= known, "an exception for what is not there"
    assert not excused & seen, "an exception for what is compared"


def test_marks_are_found_on_tests_and_on_their_parameters() -> None:
    module = ModuleType("invented")

    @oracle("losses", "mse", "mae")
    @pytest.mark.parametrize("a", [1, pytest.param(2, marks=oracle("layers", "dense"))])
    def test_one(a: int) -> None: ...

    @oracle("losses", "huber")
    def helper() -> None: ...

    module.__dict__.update(test_one=test_one, helper=helper)
    assert marked(module) == {("losses", "mse"), ("losses", "mae"), ("layers", "dense")}
    assert marked(ModuleType("empty")) == set()


def test_a_mark_knows_the_family_of_its_component() -> None:
    sgd = family("optimizers")["sgd"].model_validate({})
    assert covers(sgd).mark.args == ("optimizers", "sgd")
    for wrong in (("loses", "mse"), ("losses",)):
        with pytest.raises(ValueError, match="no mark of this kind"):
            oracle(*wrong)
