"""bidirectional, time_distributed and the preset rnn: what they are made of, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.core.store import Decl, Plan
from bpcli.errors import BuildError
from bpcli.layers.rnn import Rnn
from bpcli.spec.registry import family
from tests.generic.rigs import close, draw, rig


def layer(name: str, **fields: Any) -> Any:
    found: Any = family("layers")[name].model_validate(fields)
    return found.expand()


def refused(made: Any, shape: Any, **plan: Any) -> BuildError:
    with pytest.raises(BuildError) as caught:
        made.build(shape, Decl(Plan(**plan), (), ("model",)))
    return caught.value


# --- bidirectional -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sequences", [False, True])
def test_each_way_has_weights_of_its_own_and_outputs_stand_at_their_steps(sequences: bool) -> None:
    cell = {"type": "gru", "units": 3, "return_sequences": sequences}
    both = rig(layer("bidirectional", layer=cell), (4, 2))
    x = draw(5, (4, 2), 1)
    y = both.forward(x)
    for key, columns, turned in (("forward", slice(0, 3), x), ("backward", slice(3, 6), x[:, ::-1])):
        alone = rig(layer(**cell, name="gru"), (4, 2))  # type: ignore[misc]
        for name, values in both.p[key].items():
            alone.p[name][...] = values
        out = alone.forward(turned)
        if sequences and key == "backward":
            out = out[:, ::-1]
        close(y[..., columns], out, 1e-13)
    assert not np.array_equal(both.p.forward.W, both.p.backward.W)


def test_padding_between_real_steps_is_passed_over_both_ways() -> None:
    made = layer("bidirectional", layer={"type": "lstm", "units": 3, "return_sequences": True})
    r, short = rig(made, (6, 2)), rig(made, (4, 2))
    x = draw(2, (6, 2), 1)
    mask = np.array([[True, True, False, True, False, True]] * 2)
    r.ctx.mask = mask
    y = r.forward(x)
    close(y[mask].reshape(2, 4, 6), short.forward(x[mask].reshape(2, 4, 2)), 1e-13)
    assert not y[~mask].any()


def test_what_cannot_be_read_both_ways() -> None:
    with pytest.raises(ValidationError, match="with a recurrent layer, and dense is none"):
        layer("bidirectional", layer={"type": "dense", "units": 2})
    for fields in ({"stateful": 4}, {"return_state": True}):
        with pytest.raises(ValidationError, match=f"{next(iter(fields))} does not go with bidirectional"):
            layer("bidirectional", layer={"type": "lstm", "units": 2, **fields})
    error = refused(layer("bidirectional", layer={"type": "lstm", "units": 2}), (4,))
    assert error.where == ("model", "layer")


# --- time_distributed ------------------------------------------------------------------------------------


def test_the_steps_are_rows_to_the_layer() -> None:
    inner = {"type": "conv1d", "filters": 2, "kernel": 2, "activation": "tanh"}
    r, flat = (
        rig(layer("time_distributed", layer=inner), (3, 5, 2)),
        rig(layer(**inner, name="conv1d"), (5, 2)),
    )  # type: ignore[misc]
    flat.store.w[:] = r.store.w
    x, dy = draw(4, (3, 5, 2), 1), draw(4, (3, 4, 2), 2)
    y, dx, dw = r.gradients(x, dy)
    expected = flat.gradients(x.reshape(12, 5, 2), dy.reshape(12, 4, 2))
    for ours, theirs in zip((y.reshape(12, 4, 2), dx.reshape(12, 5, 2), dw), expected, strict=True):
        assert np.array_equal(ours, theirs)


def test_masks_go_past_the_layer_within() -> None:
    words = {"type": "embedding", "symbols": 5, "units": 2, "mask_zero": True}
    inner = {"type": "sequential", "layers": [words, {"type": "gru", "units": 3}]}
    r = rig(layer("time_distributed", layer=inner), (2, 4))
    r.ctx.mask = mask = np.array([[True, False]])
    y = r.forward(np.array([[[1.0, 2, 0, 0], [3, 0, 0, 0]]]))
    assert y.shape == (1, 2, 3)
    assert r.ctx.mask is mask
    error = refused(layer("time_distributed", layer=words), (2, 4))
    assert "masks within masks" in error.message
    assert error.where == ("model", "layer")


def test_a_frozen_branch_without_a_wish_for_dx_is_not_gone_back_through() -> None:
    r = rig(layer("time_distributed", layer={"type": "activation", "function": "tanh"}), (2, 4))
    r.ctx.need_dx = False
    x = draw(3, (2, 4), 1)
    assert r.backward(r.forward(x)) is None
    assert refused(layer("time_distributed", layer="flatten"), (4,)).hint == "use flatten alone"


# --- rnn -------------------------------------------------------------------------------------------------


def steps(**fields: Any) -> list[str]:
    """The visible layers in short: lstm 32 sequences, dropout 0.5, …"""
    told = []
    children: Any = Rnn.model_validate(fields).expand().children()
    for _, made in children:
        cell = made.layer if made.type == "bidirectional" else made
        size = getattr(cell, "units", None) or getattr(cell, "rate", "")
        sequences = " sequences" if getattr(cell, "return_sequences", False) else ""
        told.append(f"{'2×' if cell is not made else ''}{cell.type} {size}{sequences}")
    return told


def test_the_layers_of_the_preset() -> None:
    assert steps() == ["lstm 64"]
    assert steps(units=8, layers=2, cell="gru") == ["gru 8 sequences", "gru 8"]
    assert steps(units=[8, 4], bidirectional=True, dropout=0.5) == [
        "2×lstm 8 sequences", "dropout 0.5", "2×lstm 4", "dropout 0.5",
    ]  # fmt: skip
    assert steps(embedding={"units": 6}, cell="simple_rnn", units=[3], return_sequences=True) == [
        "embedding 6",
        "simple_rnn 3 sequences",
    ]


def test_options_reach_every_layer_of_the_preset() -> None:
    net = Rnn.model_validate({"layers": 2, "recurrent_dropout": 0.3, "stateful": 7, "l2": 0.1}).expand()
    for _, made in net.children():
        assert (made.recurrent_dropout, made.stateful, made.l2) == (0.3, 7, 0.1)  # type: ignore[attr-defined]
    net = Rnn.model_validate({"embedding": {"symbols": 9, "units": 2, "mask_zero": True}}).expand()
    assert net.children()[0][1].short() == "embedding(symbols=9, units=2, mask_zero=True)"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"units": [4, 4], "layers": 2}, "units is a list of 2 layers already"),
        ({"units": []}, "units"),
        ({"bidirectional": True, "stateful": 4}, "cannot be stateful"),
        ({"cell": "rnn"}, "cell"),
        ({"embedding": {"symbols": 4}}, "units"),
    ],
)
def test_fields_of_the_preset(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Rnn.model_validate(fields)
