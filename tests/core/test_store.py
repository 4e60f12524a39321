"""The Store: one vector, its order, its segments, its views, its sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.backend import backend
from bpcli.core.store import Decl, Plan, Store
from bpcli.errors import BuildError
from bpcli.initializers.constant import Constant
from bpcli.initializers.normal import Normal
from bpcli.layers.flatten import Flatten
from bpcli.layers.sequential import Sequential

TREE = Sequential.model_validate(
    {
        "layers": [
            {"type": "dense", "units": 4, "l2": 0.1, "name": "first"},
            "batch_norm",
            {"type": "dense", "units": 3},
            {"type": "residual", "layers": [{"type": "dense", "units": 3, "l1": 0.2}]},
            {"type": "dense", "units": 2, "l2": 0.1},
        ]
    }
)


def store(dtype: Any = "float64") -> Store:
    plan = Plan()
    TREE.build((5,), Decl(plan, (), ("model",)))
    return Store(plan, dtype, backend())


def test_the_vector_is_filled_without_gaps_in_segments_of_one_treatment() -> None:
    s = store()
    assert s.size == sum(int(np.prod(param.shape)) for param in s.params)
    place = 0
    for param in s.params:
        assert param.slice.start == place
        place = param.slice.stop
    assert place == s.size == len(s.w) == len(s.g)
    assert [segment.slice.start for segment in s.segments] == [0, *(x.slice.stop for x in s.segments[:-1])]
    treatments = [(segment.decay, segment.l1, segment.l2) for segment in s.segments]
    assert len(set(treatments)) == len(treatments) == 4
    assert treatments[-1] == (False, 0.0, 0.0)
    for param in s.params:
        (home,) = [x for x in s.segments if x.slice.start <= param.slice.start < x.slice.stop]
        assert (home.decay, home.l1, home.l2) == (param.decay, param.l1, param.l2)
        assert param.decay == (param.name == "W")


def test_views_are_named_windows_on_any_vector_of_the_layout() -> None:
    s = store()
    p = s.view(s.w, s.s)
    p.first.W[...] = 7.0
    assert (s.w == 7.0).sum() == 20
    assert p.residual1.dense1.W.shape == (3, 3)
    assert p.batch_norm1.running_var.shape == (4,)
    p["batch_norm1"]["running_mean"][...] = 3.0
    assert (s.s == 3.0).sum() == 4
    other = np.arange(s.size, dtype=complex)
    view = s.view(other)
    assert view.first.W.dtype == complex
    assert np.shares_memory(view.first.W, other)
    assert "running_mean" not in view.batch_norm1
    with pytest.raises(AttributeError):
        view.first.nothing  # noqa: B018


def test_trainable_is_told_for_every_node() -> None:
    plan = Plan()
    net = Sequential.model_validate({"layers": ["flatten", {"type": "dense", "units": 2}]})
    net.build((3,), Decl(plan))
    p = Store(plan, "float32", backend()).view(np.zeros(8))
    assert (p.trainable, p.flatten1.trainable, p.dense1.trainable) == (True, False, True)


def test_the_layout_names_every_array_in_the_order_of_the_vectors() -> None:
    s = store()
    names = [name for name, _ in s.layout()]
    assert len(names) == len(set(names)) == len(s.params) + len(s.states)
    assert names[-2:] == ["batch_norm1.running_mean", "batch_norm1.running_var"]
    assert ["residual1.dense1.W", [3, 3]] in s.layout()


def test_first_values_come_from_a_stream_for_each_array() -> None:
    """So that adding a layer changes the first values of no other."""
    s = store()
    s.initialize(3)
    plan = Plan()
    less = Sequential(layers=TREE.layers[:3])
    less.build((5,), Decl(plan))
    t = Store(plan, "float64", backend())
    t.initialize(3)
    for name in ("first", "dense2"):
        assert np.array_equal(s.view(s.w)[name].W, t.view(t.w)[name].W)
    again = store("float32")
    again.initialize(3)
    assert np.array_equal(again.w, s.w.astype("float32"))
    s.initialize(4)
    assert not np.array_equal(s.view(s.w).first.W, t.view(t.w).first.W)
    assert set(s.view(s.w, s.s).batch_norm1.running_var.tolist()) == {1.0}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_micro_batches_add_up(count: int) -> None:
    s = store()
    parts = [np.random.default_rng(k).normal(size=s.size) for k in range(count)]
    for _ in range(2):  # a second window starts from zero
        for k, part in enumerate(parts):
            s.g[:] = part
            s.sum_up(k, count)
        assert np.allclose(s.g, sum(parts), rtol=1e-14, atol=1e-15)


def test_decay_leaves_what_is_not_to_decay() -> None:
    s = store()
    s.w[:] = 1.0
    s.decay(0.25)
    for param in s.params:
        assert set(s.w[param.slice].tolist()) == {0.75 if param.decay else 1.0}


def test_built_tells_the_tree_with_shapes_and_places() -> None:
    found = [(".".join(b.path), b.where, b.input, b.output, b.depth) for b in store().built]
    assert found[0] == ("first", ("model", "layers", 0), (5,), (4,), 0)
    assert ("residual1", ("model", "layers", 3), (3,), (3,), 0) in found
    inner = ("residual1.dense1", ("model", "layers", 3, "layers", 0), (3,), (3,), 1)
    assert found.index(inner) == [f[0] for f in found].index("residual1") + 1


def test_errors_point_at_the_node() -> None:
    decl = Decl(Plan(), ("a",), ("model", "layers", 2))
    error = decl.error("it does not fit", "make it fit", "units")
    assert isinstance(error, BuildError)
    assert error.where == ("model", "layers", 2, "units")
    assert str(error) == "model.layers[2].units: it does not fit; make it fit"


def test_a_masked_sequence_may_not_reach_a_layer_that_ignores_it() -> None:
    plan = Plan(masked=True)
    with pytest.raises(BuildError, match="a masked sequence reaches 'flatten'"):
        Decl(plan).build("flatten1", Flatten(), (4, 2), "layers", 0)
    assert not Plan().masked


def test_declared_arrays_start_as_they_are_declared() -> None:
    plan = Plan()
    decl = Decl(plan)
    decl.param("c", (3,), Constant(value=0.5))
    decl.param("n", (1000,), Normal(std=2.0))
    decl.state("t", (2,), 9.0)
    s = Store(plan, "float64", backend())
    s.initialize(0)
    p = s.view(s.w, s.s)
    assert p.c.tolist() == [0.5] * 3
    assert p.t.tolist() == [9.0] * 2
    assert 1.8 < p.n.std() < 2.2
