"""`from:` in a list of layers: what goes where, what is computed, and what is refused."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from bpcli.core.store import Decl, Plan
from bpcli.errors import BuildError
from bpcli.layers.base import Layer
from bpcli.layers.sequential import Sequential
from bpcli.spec.registry import family
from tests.generic.rigs import draw, rig


def net(*layers: Any, **fields: Any) -> Any:
    return Sequential.model_validate({"layers": list(layers), **fields}).expand()


def dense(name: str | None = None, units: int = 3, **fields: Any) -> dict[str, Any]:
    return {"type": "dense", "units": units, "name": name, **fields}


def build(layer: Layer, shape: tuple[Any, ...] = (3,)) -> Any:
    return layer.build(shape, Decl(Plan(), (), ("model",)))


def refused(*layers: Any, shape: tuple[Any, ...] = (3,)) -> BuildError:
    with pytest.raises(BuildError) as caught:
        build(net(*layers), shape)
    return caught.value


# --- what goes where ------------------------------------------------------------------------------------


def test_from_takes_the_named_output_and_the_input() -> None:
    r = rig(net(dense("a"), dense("b"), {"type": "add", "from": ["a", "b", "input"]}), (3,))
    x = draw(5, (3,), 1)
    a = x @ r.p.a.W + r.p.a.b
    b = a @ r.p.b.W + r.p.b.b
    np.testing.assert_allclose(r.forward(x), a + b + x, rtol=1e-14)


def test_the_gradients_that_meet_are_added_up() -> None:
    """The same output taken three times counts three times, and the input once more."""
    thrice = {"type": "add", "from": ["a", "a", "a", "input"]}
    r, once = rig(net(dense("a"), thrice), (3,)), rig(net(dense("a")), (3,))
    x, dy = draw(5, (3,), 1), draw(5, (3,), 2)
    _, dx, dw = r.gradients(x, dy)
    _, dx_once, dw_once = once.gradients(x, dy)
    np.testing.assert_allclose(dw, 3 * dw_once, rtol=1e-13)
    np.testing.assert_allclose(dx, 3 * dx_once + dy, rtol=1e-13)


def test_an_inner_list_of_several_inputs_sees_them_as_its_input() -> None:
    """It takes the pair twice, so gradients of tuples meet."""
    inner = net(
        {"type": "add", "name": "s"},
        {"type": "multiply", "from": "input", "name": "m"},
        {"type": "concatenate", "from": ["s", "m"]},
        **{"from": ["a", "b"]},
    )
    r = rig(net(dense("a"), dense("b", **{"from": "input"}), inner), (3,))
    assert r.output == (6,)
    x = draw(5, (3,), 1)
    a, b = (x @ r.p[key].W + r.p[key].b for key in "ab")
    np.testing.assert_allclose(r.forward(x), np.hstack([a + b, a * b]), rtol=1e-14)
    dy = draw(5, (6,), 2)
    _, _, dw = r.gradients(x, dy)
    slope = dy[:, :3] + dy[:, 3:] * b
    w = r.store.view(dw)
    np.testing.assert_allclose(w["a"].W, x.T @ slope, rtol=1e-13)


def test_presets_can_be_wired_too() -> None:
    mlp = {"type": "mlp", "hidden": [4], "head": "none", "from": "a", "name": "tower"}
    found = net(dense("a"), dense("b"), mlp, {"type": "concatenate", "from": ["b", "tower"]})
    assert build(found) == (7,)
    assert found.children()[2][1].from_ == "a"


def test_residual_lists_have_names_of_their_own() -> None:
    block = {"type": "residual", "layers": [dense("a"), {"type": "add", "from": ["a", "input"]}]}
    r = rig(net(dense("a"), block), (3,))
    x = draw(5, (3,), 1)
    h = x @ r.p.a.W + r.p.a.b
    inner = r.p["residual1"].a
    np.testing.assert_allclose(r.forward(x), h + (h @ inner.W + inner.b) + h, rtol=1e-14)


def test_masks_follow_the_wires() -> None:
    """A layer gets the mask of what it takes, not of the layer before it."""
    layers = net(
        {"type": "activation", "function": "tanh", "name": "kept"},
        {"type": "flatten", "name": "flat"},
        {"type": "reshape", "shape": [4, 2], "name": "back"},
        {"type": "add", "from": ["kept", "back"]},
    )
    r = rig(layers, (4, 2))
    r.ctx.mask = mask = np.ones((3, 4), bool)
    r.forward(draw(3, (4, 2), 1))
    masks = {key: child.mask for key, child in r.ctx._children.items()}
    assert masks == {"kept": mask, "flat": mask, "back": None, "add1": mask}


# --- what is computed ----------------------------------------------------------------------------------


class Spy(Layer):
    """Counts the backward passes through it."""

    type: Literal["spy"] = "spy"
    calls: ClassVar[list[Any]] = []

    def build(self, shape: Any, decl: Any) -> Any:
        return shape

    def forward(self, p: Any, x: Any, ctx: Any) -> Any:
        return x

    def backward(self, p: Any, g: Any, dy: Any, ctx: Any) -> Any:
        self.calls.append((self.name, ctx.need_dx))
        return dy if ctx.need_dx else None


@pytest.fixture
def spies(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(family("layers")._loaded, "spy", Spy)
    monkeypatch.setattr(Spy, "calls", calls := [])
    return calls


def test_a_branch_without_parameters_costs_no_backward_pass(spies: list[Any]) -> None:
    """Where the input's gradient is not wanted, what lies between input and sum has nothing to do."""
    layers = net(
        {"type": "spy", "name": "idle"},
        dense("a", **{"from": "input"}),
        {"type": "spy", "name": "busy"},
        {"type": "add", "from": ["idle", "busy"]},
    )
    r = rig(layers, (3,))
    x, dy = draw(5, (3,), 1), draw(5, (3,), 2)
    _, _, dw = r.gradients(x, dy)
    assert sorted(spies) == [("busy", True), ("idle", True)]
    spies.clear()
    r.ctx.need_dx = False
    _, without, dw_without = r.gradients(x, dy)
    assert spies == [("busy", True)]
    assert without is None
    assert np.array_equal(dw, dw_without)
    assert np.isfinite(dw).all()


def test_no_sum_is_made_where_only_one_branch_is_wanted() -> None:
    r = rig(net(dense("a"), {"type": "add", "from": ["a", "input"]}), (3,))
    x, dy = draw(5, (3,), 1), draw(5, (3,), 2)
    r.ctx.need_dx = False
    r.gradients(x, dy)
    assert not [name for name in r.ctx._buffers if name.startswith("sum")]
    r.ctx.need_dx = True
    r.gradients(x, dy)
    assert [name for name in r.ctx._buffers if name.startswith("sum")] == ["sum0"]


# --- what is refused -----------------------------------------------------------------------------------


def test_an_unknown_name() -> None:
    error = refused(dense("first"), dense("second", **{"from": "frist"}))
    assert error.where == ("model", "layers", 1, "from")
    assert "no earlier layer of this list is named 'frist'" in error.message
    assert error.hint == "did you mean 'first'?"
    error = refused(dense("first"), dense(), {"type": "add", "from": ["first", "zzz"]})
    assert error.where == ("model", "layers", 2, "from", 1)
    assert error.hint == "there is input, first"


def test_a_key_that_is_not_a_name() -> None:
    error = refused(dense(), {"type": "add", "from": ["dense1", "input"]})
    assert error.hint == "set name: dense1 on entry 0 of the list"


def test_a_layer_that_comes_later_or_is_the_layer_itself() -> None:
    error = refused(dense("a", **{"from": "b"}), dense("b"))
    assert error.message == "'b' comes later"
    assert error.where == ("model", "layers", 0, "from")
    assert "cannot take what it gives itself" in refused(dense(), dense("a", **{"from": "a"})).message


def test_a_layer_that_leads_nowhere() -> None:
    error = refused(dense("a"), dense("b"), dense("c", **{"from": "a"}))
    assert error.where == ("model", "layers", 1)
    assert "no later layer takes what 'b' gives" in error.message


def test_the_name_input_is_taken() -> None:
    assert refused(dense("input")).where == ("model", "layers", 0)


def test_several_inputs_to_a_layer_that_takes_one() -> None:
    error = refused(dense("a"), dense("b", **{"from": ["a", "input"]}))
    assert error.message == "dense takes one input and gets 2"
    assert "concatenate" in (error.hint or "")
    assert error.where == ("model", "layers", 1)


@pytest.mark.parametrize("merge", ["add", "multiply", "average", "concatenate"])
def test_joins_that_do_not_fit(merge: str) -> None:
    assert "gets one" in refused(dense(), merge).message
    assert "gets one" in refused(dense("a"), {"type": merge, "from": "a"}).message
    other = {"type": "reshape", "shape": [3, 1], "name": "b"}
    error = refused(dense("a"), other, {"type": merge, "from": ["a", "b"]})
    assert error.where == ("model", "layers", 2)
    assert "(3,), (3, 1)" in error.message


def test_equal_shapes_are_asked_for_except_by_concatenate() -> None:
    narrow = dense("b", 2)
    assert "(3,), (2,)" in refused(dense("a"), narrow, {"type": "add", "from": ["a", "b"]}).message
    assert build(net(dense("a"), narrow, {"type": "concatenate", "from": ["a", "b"]})) == (5,)


def test_from_outside_a_list() -> None:
    branch = dense("a", **{"from": "input"})
    error = refused({"type": "parallel", "layers": [branch, dense()]})
    assert error.where == ("model", "layers", 0, "layers", 0, "from")
    assert "only a layer in the list of a sequential" in error.message
