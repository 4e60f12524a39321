"""parallel: branches that are not computed where nobody needs them, and what does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.core.store import Decl, Plan
from bpcli.errors import BuildError
from bpcli.layers.parallel import Parallel
from tests.generic.rigs import draw, rig


def parallel(*layers: Any, **fields: Any) -> Any:
    return Parallel.model_validate({"layers": list(layers), **fields}).expand()


def build(layer: Any, shape: tuple[int, ...]) -> Any:
    return layer.build(shape, Decl(Plan(), (), ("model",)))


DENSE = {"type": "dense", "units": 3}
IDENTITY: dict[str, Any] = {"type": "sequential", "layers": []}


def test_an_empty_sequential_passes_the_input_on() -> None:
    r = rig(parallel(IDENTITY, DENSE, merge="add"), (3,))
    x = draw(4, (3,), 1)
    np.testing.assert_allclose(r.forward(x), x + x @ r.p.dense1.W + r.p.dense1.b, rtol=1e-14)


def test_without_the_inputs_gradient_only_trained_branches_go_back() -> None:
    r = rig(parallel(IDENTITY, DENSE, {"type": "mlp", "hidden": [2], "head": "none"}), (3,))
    x, dy = draw(4, (3,), 1), draw(4, r.output, 2)
    _, _, dw = r.gradients(x, dy)
    r.ctx.need_dx = False
    _, dx, without = r.gradients(x, dy)
    assert dx is None
    assert np.array_equal(dw, without)
    assert r.output == (3 + 3 + 2,)


def test_branches_that_do_not_fit() -> None:
    with pytest.raises(BuildError, match=r"add needs equal shapes and gets \(3,\), \(4,\)") as caught:
        build(parallel(DENSE, {"type": "dense", "units": 4}, merge="add"), (3,))
    assert caught.value.where == ("model",)
    with pytest.raises(BuildError, match=r"last axis only, and gets \(2, 3\), \(6,\)"):
        build(parallel(DENSE, "flatten"), (2, 3))


def test_errors_inside_point_at_the_branch() -> None:
    with pytest.raises(BuildError) as caught:
        build(parallel(DENSE, {"type": "group_norm", "groups": 2}), (3,))
    assert caught.value.where == ("model", "layers", 1, "groups")
    assert "1, 3" in (caught.value.hint or "")
    with pytest.raises(BuildError, match="two layers are named 'a'") as caught:
        build(parallel(DENSE | {"name": "a"}, DENSE | {"name": "a"}), (3,))
    assert caught.value.where == ("model", "layers", 1)


@pytest.mark.parametrize("wrong", [{"layers": ["flatten"]}, {"layers": ["flatten"] * 2, "merge": "subtract"}])
def test_fields(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Parallel.model_validate(wrong)


def test_flops_are_those_of_the_join() -> None:
    assert parallel(DENSE, DENSE, DENSE, merge="add").flops((3,), (3,)) == 6
    assert parallel(DENSE, DENSE).flops((3,), (6,)) == 0
