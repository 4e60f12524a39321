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


CONTAINERS = [case for case in CASES if case[1].children()]


@pytest.mark.parametrize(("layer", "shape"), [c[1:] for c in CONTAINERS], ids=[c[0] for c in CONTAINERS])
def test_a_container_lets_a_pass_be_watched(layer: Any, shape: tuple[int, ...]) -> None:
    """Every layer below runs through `ctx.run`, in a workspace of its own place and with its own arrays."""
    r = rigs.rig(layer, shape)
    seen: dict[tuple[str, ...], Any] = {}

    def watch(layer: Any, p: Any, x: Any, ctx: Any) -> Any:
        seen[ctx.path] = p
        return layer.forward(p, x, ctx)

    x, _ = rigs.inputs(r)
    plain = r.forward(x).copy()
    r.ctx.shared.watch = watch
    assert np.array_equal(r.forward(x), plain)
    assert set(seen) == {built.path for built in r.store.built}
    for path, p in seen.items():
        assert p is r.p.node(path)


PASSING = [case for case in CASES if case[1].passes_on]


@pytest.mark.parametrize(("layer", "shape"), [c[1:] for c in PASSING], ids=[c[0] for c in PASSING])
def test_what_passes_values_on_keeps_probabilities_probabilities(layer: Any, shape: tuple[int, ...]) -> None:
    r = rigs.rig(layer, shape)
    y = r.forward(np.random.default_rng(0).uniform(0, 1, (50, *shape)))
    assert y.min() >= 0
    assert y.max() <= 1
    assert not r.store.size
    assert layer.final_activation() is None


LINEAR = [case for case in CASES if case[1].linear_in is not None]


@pytest.mark.parametrize(("layer", "shape"), [c[1:] for c in LINEAR], ids=[c[0] for c in LINEAR])
def test_what_is_linear_in_a_parameter_grows_with_it(layer: Any, shape: tuple[int, ...]) -> None:
    r = rigs.rig(layer.replace(activation=None), shape)
    if "b" in r.p:
        r.p.b[...] = 0
    x, _ = rigs.inputs(r)
    y = r.forward(x).copy()
    r.p[layer.linear_in][...] *= 3
    rigs.close(r.forward(x), 3 * y)


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
