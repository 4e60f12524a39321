"""The one comparison of the reference tests: an array of ours beside the oracle's.

    difference = max|a - b| / max|b|,  or max|a - b| where b is zero throughout

`agree` asserts that it is within a limit, and notes it with the test that runs; `python -m tests.oracle` runs
all of these tests, gathers the notes and writes docs/correctness.md. What a test is about, its mark says:

    @oracle("losses", "mse")                     one component, against a function of PyTorch
    @oracle("losses", "mape", by="autograd")     against its formula, written in PyTorch, differentiated there
    pytest.param(Mse(), F.mse_loss, marks=covers(Mse()))

A test of several components names them all in its mark, and says with each comparison which it is `of`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.spec.base import Component

#: What is compared with, by the words that a mark uses.
ORACLES = {
    "PyTorch": "a function or module of PyTorch",
    "autograd": "the formula written in PyTorch, differentiated by its autograd",
    "scikit-learn": "a function of scikit-learn",
    "formula": "the definition written out in NumPy or in PyTorch, without gradients",
}
FAMILIES = ("layers", "activations", "losses", "optimizers", "schedules", "metrics", "initializers", "nets")
LIMIT = 1e-10

#: The test that runs; set for each by a fixture in conftest.py.
running: pytest.Item | None = None


def oracle(family: str, *components: str, by: str = "PyTorch") -> pytest.MarkDecorator:
    """The mark of a test that compares these components of one family with an oracle."""
    if family not in FAMILIES or by not in ORACLES or not components:
        raise ValueError(f"no mark of this kind: {family}, {components}, by {by}")
    return pytest.mark.oracle(family, *components, by=by)


def covers(component: Component, by: str = "PyTorch") -> pytest.MarkDecorator:
    """The mark of one component: its family is the folder that its class lives in."""
    return oracle(type(component).__module__.split(".")[-2], component.type, by=by)


def difference(ours: Any, theirs: Any) -> float:
    """max|a - b| / max|b|; infinite where one of the two is not finite, or their shapes differ."""
    a, b = _array(ours), _array(theirs)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return np.inf
    if not b.size:
        return 0.0
    scale = float(np.abs(b).max())
    error = float(np.abs(a - b).max())
    return error / scale if scale else error


def agree(ours: Any, theirs: Any, what: str = "value", *, limit: float = LIMIT, of: str = "") -> float:
    """Asserts that ours (an array or a number) is the oracle's (or a tensor) within the limit, and notes it.

    `what` names the array, and begins with d for a gradient: y, dx, dW. `of` names the component where the
    test's mark has several.
    """
    found = difference(ours, theirs)
    assert found <= limit, (
        f"{of} {what}: {found:.3g} > {limit:g}, shapes {np.shape(ours)}, {np.shape(theirs)}"
    )
    about = None if running is None else _about(running, of)
    if running is not None and about is not None:
        family, component, by = about
        note = {"family": family, "component": component, "by": by}
        note |= {"what": what, "difference": found, "limit": limit}
        running.user_properties.append(("oracle", note))
    return found


def _array(value: Any) -> Any:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _about(item: pytest.Item, component: str) -> tuple[str, str, str] | None:
    """(family, component, oracle) of a comparison; None in a test without a mark."""
    marks = [
        (mark.args[0], name, mark.kwargs["by"])
        for mark in item.iter_markers("oracle")
        for name in mark.args[1:]
    ]
    chosen = [mark for mark in marks if mark[1] == component] if component else marks
    if marks and len(chosen) != 1:
        raise ValueError(f"{item.nodeid} is about {marks}: say which of them a comparison is `of`")
    return chosen[0] if marks else None
