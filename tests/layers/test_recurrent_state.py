"""What a recurrent layer starts from and where its state goes: batches, other layers, pieces of a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.store import Decl, Plan
from bpcli.errors import BuildError, ConfigError, UsageError
from bpcli.spec.registry import family
from tests.generic.rigs import close, draw, rig

CELLS = ("simple_rnn", "gru", "lstm")
over_cells = pytest.mark.parametrize("name", CELLS)


def layer(name: str, **fields: Any) -> Any:
    found: Any = family("layers")[name].model_validate(fields)
    return found.expand()


def net(*layers: Any) -> Any:
    return layer("sequential", layers=list(layers))


def refused(made: Any, shape: Any) -> BuildError:
    with pytest.raises(BuildError) as caught:
        made.build(shape, Decl(Plan(), (), ("model",)))
    return caught.value


# --- from batch to batch ---------------------------------------------------------------------------------


@over_cells
def test_a_stateful_layer_goes_on_where_the_batch_before_ended(name: str) -> None:
    made = layer(name, units=4, return_sequences=True, stateful=3)
    r, whole = rig(made, (2, 2), training=True), rig(layer(name, units=4, return_sequences=True), (6, 2))
    r.store.s[:] = 0.0
    x = draw(3, (6, 2), 1)
    parts = []
    for k in range(3):
        parts.append(r.forward(x[:, 2 * k : 2 * k + 2]).copy())
        r.backward(np.ones_like(parts[-1]))
        r.ctx.commit(r.p)
    close(np.concatenate(parts, axis=1), whole.forward(x), 1e-13)
    before = r.store.s.copy()
    r.ctx.shared.begins = True  # a new epoch: its sequences begin
    assert np.array_equal(r.forward(x[:, :2]), parts[0])
    r.ctx.commit(r.p)
    assert not np.array_equal(r.store.s, before)


@over_cells
def test_an_evaluation_starts_from_zero_and_leaves_the_carry_alone(name: str) -> None:
    made, plain = layer(name, units=4, stateful=3), layer(name, units=4)
    r, other = rig(made, (5, 2)), rig(plain, (5, 2))
    x = draw(8, (5, 2), 1)
    assert np.array_equal(r.forward(x), other.forward(x))
    assert r.ctx.shared.pending == []


def test_a_short_batch_goes_on_with_its_first_sequences() -> None:
    r = rig(layer("lstm", units=2, stateful=4), (3, 2), training=True)
    before = r.p.carry.copy()
    r.forward(draw(2, (3, 2), 1))
    r.ctx.commit(r.p)
    assert np.array_equal(r.p.carry[2:], before[2:])
    assert not np.isclose(r.p.carry[:2], before[:2]).any()


def test_more_rows_than_sequences_are_refused() -> None:
    r = rig(net({"type": "lstm", "units": 2, "stateful": 4}), (3, 2), training=True)
    with pytest.raises(ConfigError, match="a batch has 5 rows") as caught:
        r.forward(draw(5, (3, 2), 1))
    assert caught.value.problems[0].hint == "set data.batch_size: 4, or stateful: 5"


def test_a_stateful_layer_has_one_start() -> None:
    for reverse, shape in ((True, (3, 2)), (False, ((3, 2), (4,)))):
        error = refused(layer("lstm", units=2, stateful=4, reverse=reverse), shape)
        assert error.where == ("model", "stateful")


# --- from layer to layer ---------------------------------------------------------------------------------


@over_cells
def test_a_state_goes_from_an_encoder_to_a_decoder(name: str) -> None:
    """Two layers of equal weights, the second going on from the first, are one over both sequences."""
    cell = {"type": name, "units": 3}
    made = net(
        cell | {"return_state": True, "name": "encoder"},
        cell | {"return_sequences": True, "from": ["input", "encoder"], "name": "decoder"},
    )
    r, whole = rig(made, (4, 2)), rig(layer(**cell, name=name, return_sequences=True), (8, 2))  # type: ignore[misc]
    for key, values in whole.p.items():
        r.p.encoder[key][...] = r.p.decoder[key][...] = values
    x = draw(5, (4, 2), 1)
    close(r.forward(x), whole.forward(np.concatenate([x, x], axis=1))[:, 4:], 1e-13)


@over_cells
def test_an_empty_sequence_gives_the_state_it_started_from(name: str) -> None:
    """A row whose steps are all masked: its state passes, and so does the gradient of it."""
    made = layer(name, units=3, return_state=True)
    width = made.width
    r = rig(made, ((4, 2), (width,)))  # type: ignore[arg-type]
    mask = np.array([[True] * 4, [False] * 4])
    x, first, dy = draw(2, (4, 2), 1), draw(2, (width,), 2), draw(2, (width,), 3)
    r.ctx.mask, r.ctx.masks = mask, (mask, None)
    y = r.forward((x, first))
    assert np.array_equal(y[1], first[1])
    assert not np.isclose(y[0], first[0]).any()
    dx, dfirst = r.backward(dy)
    assert np.array_equal(dfirst[1], dy[1])
    assert not dx[1].any()
    alone = rig(made, (4, 2))
    alone.ctx.mask = mask
    assert not alone.forward(x)[1].any()


def test_parts_of_a_state_that_do_not_fit() -> None:
    lstm = layer("lstm", units=3)
    for shape in (((4, 2), (3,)), ((4, 2), (4, 6)), ((4, 2), (3,), (3,), (3,))):
        error = refused(lstm, shape)
        assert "h and c, 6 numbers for each row" in error.message
        assert error.where == ("model", "from")
    for shape in (((4, 2), (6,)), ((4, 2), (3,), (3,))):
        assert lstm.build(shape, Decl(Plan())) == (3,)


def test_one_part_of_several() -> None:
    gives_two = {"type": "gru", "units": 3, "return_sequences": True, "return_state": True, "name": "encoder"}
    made = net(
        gives_two,
        {"type": "part", "index": 1, "name": "state"},
        {"type": "part", "index": 0, "from": "encoder"},
        {"type": "global_max_pool", "name": "top"},
        {"type": "add", "from": ["state", "top"]},
    )
    r, plain = rig(made, (4, 2)), rig(layer("gru", units=3, return_sequences=True), (4, 2))
    for key, values in plain.p.items():
        r.p.encoder[key][...] = values
    x = draw(5, (4, 2), 1)
    y = plain.forward(x)
    close(r.forward(x), y[:, -1] + y.max(axis=1))
    assert "gets one alone" in refused(net({"type": "part", "index": 0}), (4, 2)).message
    error = refused(net(gives_two, {"type": "part", "index": 2}), (4, 2))
    assert error.where == ("model", "layers", 1, "index")


def test_of_a_masked_sequence_and_its_state_the_sequence_is_masked() -> None:
    two = {"type": "lstm", "units": 3, "return_sequences": True, "return_state": True}
    for index, expected in ((0, True), (1, False)):
        plan = Plan()
        made = net("masking", two, {"type": "part", "index": index})
        made.build((4, 2), Decl(plan))
        assert plan.masked is expected
        r = rig(made, (4, 2))
        x = draw(2, (4, 2), 1)
        x[:, 3] = 0
        r.forward(x)
        assert (r.ctx.mask is not None) is expected
    # A state that comes from a masked layer does not make the decoder's own sequence a masked one.
    made = net(
        {"type": "masking", "name": "source"},
        {"type": "lstm", "units": 3, "return_state": True, "name": "state"},
        {"type": "lstm", "units": 3, "return_sequences": True, "from": ["input", "state"]},
        "flatten",
    )
    assert made.build((4, 2), Decl(Plan())) == (12,)


# --- piece by piece --------------------------------------------------------------------------------------


@over_cells
@pytest.mark.parametrize("pieces", [(1, 1, 1, 1, 1), (2, 3), (1, 4)])
def test_pieces_give_what_the_whole_gives(name: str, pieces: tuple[int, ...]) -> None:
    cell = {"type": name, "units": 3, "return_sequences": True}
    made = net(cell, {"type": "time_distributed", "layer": {"type": "dense", "units": 2}}, cell)
    r = rig(made, (5, 2))
    x = draw(4, (5, 2), 1)
    whole = r.forward(x).copy()
    for _ in range(2):  # the second time from the beginning again
        seen, ys = 0, []
        for length in pieces:
            r.ctx.shared.decoding = seen
            ys.append(r.forward(x[:, seen : seen + length]).copy())
            seen += length
        close(np.concatenate(ys, axis=1), whole, 1e-13)
    assert all(built.layer.by_pieces for built in r.store.built if not built.layer.children())


def test_pieces_that_do_not_follow() -> None:
    r = rig(layer("gru", units=3), (2, 2))
    r.ctx.shared.decoding = 2
    with pytest.raises(ValueError, match="goes on with 4 rows, but gru remembers none"):
        r.forward(draw(4, (2, 2), 1))
    r.ctx.shared.decoding = 0
    r.forward(draw(4, (2, 2), 1))
    r.ctx.shared.decoding = 2
    with pytest.raises(ValueError, match="goes on with 3 rows, but gru remembers 4"):
        r.forward(draw(3, (2, 2), 1))
    backwards = rig(layer("gru", units=3, reverse=True), (2, 2))
    backwards.ctx.shared.decoding = 0
    with pytest.raises(UsageError, match="from its end"):
        backwards.forward(draw(4, (2, 2), 1))
    assert not layer("gru", units=3, reverse=True).by_pieces
    assert not layer("bidirectional", layer={"type": "gru", "units": 3}).by_pieces


def test_a_sequence_within_a_step_is_whole_to_the_layer_that_reads_it() -> None:
    """Words of characters: the inner layer starts anew at each word, whatever the outer one remembers."""
    made = net(
        {"type": "time_distributed", "layer": {"type": "gru", "units": 2}},
        {"type": "gru", "units": 3, "return_sequences": True},
    )
    r = rig(made, (4, 3, 2))
    x = draw(2, (4, 3, 2), 1)
    whole = r.forward(x).copy()
    r.ctx.shared.decoding = 0
    first = r.forward(x[:, :1]).copy()
    r.ctx.shared.decoding = 1
    close(np.concatenate([first, r.forward(x[:, 1:])], axis=1), whole, 1e-13)
    assert r.ctx.shared.decoding == 1
