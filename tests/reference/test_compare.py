"""The comparison itself: what it must not let pass, and that tests compare what they claim to compare."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.oracle.gather import Compared, Gathered, one_sided
from tests.oracle.page import shown
from tests.reference.compare import agree, difference

ROOT = Path(__file__).parents[2]


def test_the_difference_is_relative_to_the_largest_value() -> None:
    assert difference([1.0, 200.0], [1.5, 200.0]) == 0.5 / 200
    assert difference(3.0, 2.0) == 0.5
    assert difference([0.25, 0.0], [0.0, 0.0]) == 0.25


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([1.0, np.nan], [1.0, 2.0]),
        ([1.0, 2.0], [1.0, np.nan]),
        ([np.nan], [np.nan]),
        ([np.inf], [np.inf]),
        ([[1.0, 2.0]], [1.0, 2.0]),
        ([1.0], [1.0, 1.0]),
        (1.0, [1.0]),
        ([1.0 + 2e-10], [1.0]),
    ],
)
def test_what_does_not_agree(ours: Any, theirs: Any) -> None:
    with pytest.raises(AssertionError):
        agree(ours, theirs)


def test_what_agrees() -> None:
    agree([1.0 + 5e-11, 0.0], [1.0, 1e-11])
    agree(np.ones((2, 3)), np.ones((2, 3)), limit=0.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.11e-16, "1.2e-16"),
        (9.99e-12, "1e-11"),
        (9.9e-12, "9.9e-12"),
        (1e-10, "1e-10"),
        (1e-9, "1e-9"),
        (3e-10, "3e-10"),
        (0.5, "5e-1"),
        (2.0, "2e0"),
        (1.2000001e-15, "1.3e-15"),
    ],
)
def test_figures_are_rounded_up(value: float, text: str) -> None:
    assert shown(value) == text


RUN = """
    import json, sys
    from pathlib import Path
    from tests.oracle.gather import run
    found = run([Path(sys.argv[1])], "--rootdir", sys.argv[1])
    print(json.dumps([len(found.compared), sum(found.passed.values()), found.failed, found.skipped]))
"""


def gathered(folder: Path, tests: str) -> list[Any]:
    """[compared, passed, failed, skipped] of a run over a file of tests, in a process of its own."""
    import json

    (folder / "conftest.py").write_text("from tests.reference.conftest import *\n")
    start = "import pytest\nfrom tests.reference.compare import agree, oracle\n"
    (folder / "test_invented.py").write_text(start + textwrap.dedent(tests))
    command = [sys.executable, "-c", textwrap.dedent(RUN), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_run_tells_what_failed_what_was_skipped_and_what_was_never_compared(tmp_path: Path) -> None:
    found = gathered(
        tmp_path,
        """
        @oracle("losses", "mse")
        def test_good():
            agree(1.0, 1.0, "value")
            agree([1.0, 2.0], [1.0, 2.0], "dy")

        @oracle("losses", "mae")
        def test_wrong():
            agree(1.0, 2.0)

        @oracle("losses", "mse", "mae")
        def test_of_one_of_two():
            agree(1.0, 1.0, of="mae")

        @oracle("losses", "mse", "mae")
        def test_of_which():
            agree(1.0, 1.0)

        def test_skipped():
            pytest.importorskip("no_module_of_this_name")

        def test_without_a_mark():
            assert True
        """,
    )
    names = [[test.rpartition("::")[2] for test in tests] for tests in found[2:]]
    assert found[:2] == [2, 2]
    assert names == [["test_wrong", "test_of_one_of_two", "test_of_which"], ["test_skipped"]]


def test_a_file_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    found = gathered(tmp_path, "import no_module_of_this_name")
    assert found[2]


def test_a_comparison_knows_its_file_and_its_variant() -> None:
    one = Compared(
        "tests/reference/test_a.py::test_b[sgd(lr=1)-x]", "optimizers", "sgd", "PyTorch", "w", 0.0, 1.0
    )
    assert (one.file, one.variant) == ("test_a.py", "sgd(lr=1)-x")


def test_outputs_without_gradients_are_told() -> None:
    def one(component: str, what: str) -> Compared:
        return Compared("t", "layers", component, "PyTorch", what, 0.0, 1.0)

    found = Gathered(compared=[one("a", "y"), one("a", "dx"), one("b", "y"), one("c", "dW")])
    assert one_sided(found) == ["layers: b", "layers: c"]
