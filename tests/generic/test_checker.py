"""The checker is checked: a backward pass that is wrong by 0.1 % breaks the gradient law, and for each other
law there is a layer that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bpcli.layers._preset import Preset
from bpcli.layers.dense import Dense
from bpcli.spec.registry import family
from tests.generic import laws, rigs


class Broken:
    """A layer whose backward pass was damaged: `damage(dx, g)` may change g and returns the new dx."""

    def __init__(self, layer: Any, damage: Callable[[Any, Any], Any]) -> None:
        self._layer, self._damage = layer, damage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def backward(self, p: Any, g: Any, dy: Any, ctx: Any) -> Any:
        return self._damage(self._layer.backward(p, g, dy, ctx), g)


class Forgetful(Broken):
    """A layer that leaves the last row out of its sums."""

    def backward(self, p: Any, g: Any, dy: Any, ctx: Any) -> Any:
        part = dy.copy()
        part[-1] = 0
        return self._layer.backward(p, g, part, ctx)


def transposed(a: Any) -> Any:
    """The right numbers in the wrong places; of a row or a column, which looks the same so, the reverse."""
    rows = a.reshape(-1, a.shape[-1])
    if 1 in rows.shape:
        return a.ravel()[::-1].reshape(a.shape)
    return rows.T.reshape(a.shape)


WRONG: dict[str, Callable[[Any], Any]] = {
    "0.1 % too large": lambda a: a * 1.001,
    "0.1 % too small": lambda a: a * 0.999,
    "wrong sign": lambda a: -a,
    "missing": lambda a: a * 0.0,
    "never written": lambda a: a * np.nan,
    "transposed": lambda a: transposed(a),
    "one value off": lambda a: a + 1e-3 * (np.abs(a) == np.abs(a).max()) * a,
}


def broken_ways(layer: Any, shape: tuple[int, ...]) -> dict[str, Broken]:
    """Every damage to every parameter's gradient, and to the input's."""
    ways: dict[str, Broken] = {"a row is forgotten": Forgetful(layer, lambda dx, g: dx)}
    for what, wrong in WRONG.items():
        ways[f"dx {what}"] = Broken(layer, lambda dx, g, wrong=wrong: wrong(dx))
        for param in rigs.rig(layer, shape).store.params:

            def damage(dx: Any, g: Any, wrong: Any = wrong, param: Any = param) -> Any:
                array = g.node(param.path)[param.name]
                array[...] = wrong(array.copy())
                return dx

            ways[f"{'.'.join((*param.path, param.name))} {what}"] = Broken(layer, damage)
    return ways


#: Presets left out: they are made of layers that are here, and their nets are large.
PRESETS = {name for name, cls in family("layers").classes().items() if issubclass(cls, Preset)}
CASES = [case for case in rigs.cases("layers") if case[0].rstrip("0123456789") not in PRESETS]


#: Gradients that are 0 whatever the weights are, where a factor changes nothing: the number of a symbol is a
#: name, and a bias of all keys moves every score of a query alike.
NOTHING = {"embedding": "dx ", "multi_head_attention": "bk "}


@pytest.mark.parametrize(("layer", "shape"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_every_damage_is_caught(layer: Any, shape: tuple[int, ...], training: bool) -> None:
    assert laws.compare_gradients(layer, shape, training=training).passed
    missed = [
        how
        for how, broken in broken_ways(layer, shape).items()
        if laws.compare_gradients(broken, shape, training=training).passed
        and not (how.startswith(NOTHING.get(layer.type, "\n")) and "never written" not in how)
    ]
    assert missed == []


def test_batch_norm_without_the_terms_through_mean_and_variance_is_caught() -> None:
    """The classical mistake: the statistics taken for constants."""
    layer, shape = next((layer, shape) for label, layer, shape in CASES if label == "batch_norm0")

    class Constant(Broken):
        def backward(self, p: Any, g: Any, dy: Any, ctx: Any) -> Any:
            inverse, *_ = ctx.saved
            super().backward(p, g, dy, ctx)
            return dy * inverse * p.gamma

    broken = Constant(layer, lambda dx, g: dx)
    assert not laws.compare_gradients(broken, shape, training=True).passed
    assert laws.compare_gradients(broken, shape, training=False).passed  # where they are constants


def test_too_many_kinks_do_not_pass() -> None:
    assert not laws.Comparison(0.0, 94, 100, "central difference").passed
    assert laws.Comparison(0.0, 95, 100, "central difference").passed


def test_a_kink_is_reported_and_not_averaged_over() -> None:
    vector = np.array([0.0, 1.0])
    value = lambda: np.abs(vector).sum()  # noqa: E731
    assert laws.central(value, vector, np.eye(len(vector))[0], 1.0) is None
    assert laws.central(value, vector, np.eye(len(vector))[1], 1.0) == pytest.approx(1.0, abs=1e-9)
    assert vector.tolist() == [0.0, 1.0]


# --- layers that break one of the other laws, each on top of a dense layer ---------------------------------


class Lawless:
    """A dense layer, to be spoilt by a subclass."""

    def __init__(self) -> None:
        self._layer = Dense.model_validate({"units": 4})
        self.kept: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def forward(self, p: Any, x: Any, ctx: Any) -> Any:
        return self._layer.forward(p, x, ctx)

    def backward(self, p: Any, g: Any, dy: Any, ctx: Any) -> Any:
        return self._layer.backward(p, g, dy, ctx)


class WrongShape(Lawless):
    def forward(self, p: Any, x: Any, ctx: Any) -> Any:
        return super().forward(p, x, ctx)[:, :2]


class LeavesASlot(Lawless):
    def backward(self, p: Any, g: Any, dy: Any, ctx: Any) -> Any:
        kept = g.b.copy()
        dx = super().backward(p, g, dy, ctx)
        g.b[...] = kept
        return dx


class Accumulates(Lawless):
    def backward(self, p: Any, g: Any, dy: Any, ctx: Any) -> Any:
        kept = np.nan_to_num(g.W)
        dx = super().backward(p, g, dy, ctx)
        g.W[...] += kept
        return dx


class WritesIntoX(Lawless):
    def forward(self, p: Any, x: Any, ctx: Any) -> Any:
        x += 1.0
        return super().forward(p, x, ctx)


class WritesIntoDy(Lawless):
    def backward(self, p: Any, g: Any, dy: Any, ctx: Any) -> Any:
        dy *= 1.0
        return super().backward(p, g, dy, ctx)


class WritesIntoY(Lawless):
    def backward(self, p: Any, g: Any, dy: Any, ctx: Any) -> Any:
        ctx.buf("z", dy.shape, dy.dtype)[...] = 0  # the very buffer that forward returned
        return super().backward(p, g, dy, ctx)


class LooksAcross(Lawless):
    def forward(self, p: Any, x: Any, ctx: Any) -> Any:
        y = super().forward(p, x, ctx)
        y -= y.mean(axis=0)
        return y


class SumsTheWholeBuffer(Lawless):
    def backward(self, p: Any, g: Any, dy: Any, ctx: Any) -> Any:
        dx = super().backward(p, g, dy, ctx)
        whole = ctx.buf("mine", dy.shape, dy.dtype)
        whole[...] = dy
        (whole if whole.base is None else whole.base).sum(axis=0, out=g.b)
        return dx


class ChangesDtype(Lawless):
    def forward(self, p: Any, x: Any, ctx: Any) -> Any:
        return super().forward(p, x, ctx) * np.float64(1.0)


class LosesTheImaginaryPart(Lawless):
    def forward(self, p: Any, x: Any, ctx: Any) -> Any:
        return super().forward(p, x, ctx).real.astype(x.dtype)


class ReadsMemoryInOrder(Lawless):
    def forward(self, p: Any, x: Any, ctx: Any) -> Any:
        base = x if x.base is None else x.base
        return super().forward(p, np.ravel(base, order="K")[: x.size].reshape(x.shape), ctx)


class Hoards(Lawless):
    def forward(self, p: Any, x: Any, ctx: Any) -> Any:
        self.kept.append(x.copy())
        return super().forward(p, x, ctx)


class NewBufferEachStep(Lawless):
    def forward(self, p: Any, x: Any, ctx: Any) -> Any:
        self.kept.append(None)
        ctx.buf(f"scratch{len(self.kept)}", (1,), x.dtype)
        return super().forward(p, x, ctx)


class ObservesInEvaluation(Lawless):
    def build(self, shape: Any, decl: Any) -> Any:
        decl.state("seen", (1,))
        return self._layer.build(shape, decl)

    def forward(self, p: Any, x: Any, ctx: Any) -> Any:
        ctx.update("seen", x[:1, 0])
        return super().forward(p, x, ctx)


class WritesStateAtOnce(ObservesInEvaluation):
    def forward(self, p: Any, x: Any, ctx: Any) -> Any:
        p.seen[...] += 1.0
        return Lawless.forward(self, p, x, ctx)


class AlwaysGivesDx(Lawless):
    def backward(self, p: Any, g: Any, dy: Any, ctx: Any) -> Any:
        return dy @ p.W.T


LAWLESS = [
    (laws.law_shape, WrongShape),
    (laws.law_backward_writes_every_slot, LeavesASlot),
    (laws.law_backward_twice_equals_once, Accumulates),
    (laws.law_inputs_untouched, WritesIntoX),
    (laws.law_inputs_untouched, WritesIntoDy),
    (laws.law_inputs_untouched, WritesIntoY),
    (laws.law_rows, LooksAcross),
    (laws.law_not_rows, Lawless),
    (laws.law_short_batch, SumsTheWholeBuffer),
    (laws.law_dtype, ChangesDtype),
    (laws.law_gradient, LosesTheImaginaryPart),
    (laws.law_layout, ReadsMemoryInOrder),
    (laws.law_no_growth, Hoards),
    (laws.law_no_growth, NewBufferEachStep),
    (laws.law_state, ObservesInEvaluation),
    (laws.law_state, WritesStateAtOnce),
    (laws.law_need_dx, AlwaysGivesDx),
]


@pytest.mark.parametrize(("law", "spoilt"), LAWLESS, ids=[cls.__name__ for _, cls in LAWLESS])
def test_every_law_can_be_broken(law: Any, spoilt: Any) -> None:
    with pytest.raises((AssertionError, ValueError)):
        law(rigs.rig(spoilt(), (3,)))


def test_the_dense_layer_below_them_breaks_none() -> None:
    for law in (*laws.LAWS, laws.law_rows):
        law(rigs.rig(Lawless(), (3,)))
    assert {law for law, _ in LAWLESS} >= {*laws.LAWS}
