"""Every law, for every example of every layer, in both modes, on NumPy and on what CuPy has too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.spec.registry import family
from tests.generic import laws, rigs
from tests.generic.namespace import BACKENDS, Restricted

CASES = rigs.cases("layers")
over_cases = pytest.mark.parametrize(("layer", "shape"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
both_modes = pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])


@over_cases
@both_modes
@pytest.mark.parametrize("backend", sorted(BACKENDS))
@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.__name__.removeprefix("law_"))
def test_law(law: Any, layer: Any, shape: tuple[int, ...], training: bool, backend: str) -> None:
    law(rigs.rig(layer, shape, training=training, backend=backend))


ROW_WISE = [case for case in CASES if laws.row_wise(case[1])]
OTHERS = [case for case in CASES if not laws.row_wise(case[1])]


@pytest.mark.parametrize(("layer", "shape"), [c[1:] for c in ROW_WISE], ids=[c[0] for c in ROW_WISE])
def test_a_batch_is_its_rows(layer: Any, shape: tuple[int, ...]) -> None:
    laws.law_rows(rigs.rig(layer, shape, training=False))


@pytest.mark.parametrize(("layer", "shape"), [c[1:] for c in OTHERS], ids=[c[0] for c in OTHERS])
def test_what_says_it_looks_across_the_batch_does(layer: Any, shape: tuple[int, ...]) -> None:
    laws.law_not_rows(rigs.rig(layer, shape, training=True))


def test_every_layer_is_among_the_cases() -> None:
    assert {label.rstrip("0123456789") for label, _, _ in CASES} == {
        n.rstrip("0123456789") for n in family("layers")
    }


def test_the_restricted_namespace_refuses_what_cupy_lacks() -> None:
    xp = Restricted()
    x = np.ones((2, 3))
    assert np.array_equal(xp.multiply(x, 2.0), 2 * x)
    with pytest.raises(AttributeError, match="isposinf"):
        xp.isposinf  # noqa: B018
    with pytest.raises(TypeError, match="where"):
        xp.multiply(x, 2.0, where=x > 0)
    with pytest.raises(TypeError, match="out"):
        xp.einsum("nc->c", x, out=np.ones(3))
