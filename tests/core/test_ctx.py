"""The workspace: the same buffers every step, a workspace for every child, changes only at the commit."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcli.core.backend import backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.core.store import Tree
from bpcli.layers.flatten import Flatten


def workspace(*, seed: int = 0, training: bool = False) -> Ctx:
    return Ctx(Pass(backend(), seed=seed, training=training))


def test_a_buffer_is_the_same_array_every_time() -> None:
    ctx = workspace()
    first = ctx.buf("y", (8, 3), np.float32)
    assert first.shape == (8, 3)
    assert ctx.buf("y", (8, 3), np.float32) is first
    assert ctx.buf("z", (8, 3), np.float32) is not first
    assert ctx.child("a").buf("y", (8, 3), np.float32) is not first


def test_a_short_batch_gets_a_part_and_does_not_shrink_the_buffer() -> None:
    ctx = workspace()
    first = ctx.buf("y", (8, 3), np.float32)
    short = ctx.buf("y", (5, 3), np.float32)
    assert short.shape == (5, 3)
    assert np.shares_memory(short, first)
    assert short.flags.c_contiguous
    assert ctx.buf("y", (8, 3), np.float32) is first


def test_a_larger_batch_another_width_or_dtype_gets_a_new_one() -> None:
    ctx = workspace()
    first = ctx.buf("y", (8, 3), np.float32)
    assert ctx.buf("y", (9, 3), np.float32).shape == (9, 3)
    assert not np.shares_memory(ctx.buf("y", (9, 4), np.float32), first)
    complex_one = ctx.buf("y", (9, 4), np.complex128)
    assert complex_one.dtype == np.complex128
    scalar = ctx.buf("s", (), np.float64)
    assert scalar.shape == ()
    assert ctx.buf("s", (), np.float64) is scalar


def test_what_layers_add_to_the_loss_is_a_mean_over_the_windows_rows_and_taken_once() -> None:
    ctx = workspace(training=True)
    ctx.shared.rows = 8
    ctx.child("a").penalize(4.0)
    ctx.child("b").child("c").penalize(2.0 + 8e-20j)
    assert ctx.shared.take_penalty() == 0.75 + 1e-20j
    assert ctx.shared.take_penalty() == 0.0


def test_a_layer_runs_as_it_is_or_as_the_watch_has_it() -> None:
    layer, p, x = Flatten(), Tree(), np.ones((2, 3, 4))
    ctx = workspace().child("flatten1")
    assert ctx.run(layer, p, x).shape == (2, 12)
    seen: list[Any] = []

    def watch(*given: Any) -> Any:
        seen.extend(given)
        return "instead"

    ctx.shared.watch = watch
    assert ctx.run(layer, p, x) == "instead"
    assert all(a is b for a, b in zip(seen, (layer, p, x, ctx), strict=True))


def test_children_have_their_own_place_and_share_the_pass() -> None:
    ctx = workspace()
    child = ctx.child("net").child("dense1")
    assert ctx.child("net").child("dense1") is child
    assert child.path == ("net", "dense1")
    assert child.shared is ctx.shared
    ctx.shared.training = True
    assert child.training
    child.saved = 3
    assert ctx.child("net").saved is None


def test_bytes_are_counted_with_those_of_the_children() -> None:
    ctx = workspace()
    ctx.buf("a", (4, 2), np.float64)
    ctx.child("x").buf("a", (3,), np.float32)
    ctx.buf("a", (2, 2), np.float64)  # a part of the first
    assert ctx.nbytes() == 4 * 2 * 8 + 3 * 4


def test_random_streams_follow_the_step_the_pass_the_path_and_the_purpose() -> None:
    ctx = workspace(seed=5)
    places = {}
    for step in (0, 1):
        for micro in (0, 1):
            ctx.shared.step, ctx.shared.micro = step, micro
            for child in ("a", "b"):
                for purpose in ("mask", "noise"):
                    places[step, micro, child, purpose] = ctx.child(child).rng(purpose).random()
    assert len(set(places.values())) == 16
    ctx.shared.step = ctx.shared.micro = 0
    assert ctx.child("a").rng("mask").random() == places[0, 0, "a", "mask"]
    assert workspace(seed=5).child("a").rng("mask").random() == places[0, 0, "a", "mask"]
    assert workspace(seed=6).child("a").rng("mask").random() != places[0, 0, "a", "mask"]


def test_updates_wait_for_the_commit() -> None:
    ctx = workspace(training=True)
    p = Tree()
    p.node(("bn",))["mean"] = np.zeros(2)
    net = ctx.child("net")
    net.child("bn").update("mean", np.array([1.0, 2.0]))
    assert p.bn.mean.tolist() == [0, 0]
    array = p.bn.mean
    net.commit(p)
    assert p.bn.mean is array, "written into the array of the store, not put in its place"
    assert array.tolist() == [1, 2]
    array[:] = 0
    net.commit(p)
    assert array.tolist() == [0, 0], "a change is made once"
