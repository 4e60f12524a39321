"""Sequence masks: what stands at a masked step counts for nothing, in any layer that lets a mask in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.store import Decl, Plan
from bpcli.errors import BuildError
from bpcli.layers.sequential import Sequential
from bpcli.spec.registry import family
from tests.generic.rigs import Cut, Rig, Symbols, cases, draw, rig

#: Padding right, left, in between, everywhere, and nowhere.
FORMS = ("11100", "00111", "10011", "00000", "11111", "01010")


def mask_of(t: int) -> Any:
    return np.array([[char == "1" for char in (form * t)[:t]] for form in FORMS])


def takes_masks(layer: Any, shape: tuple[int, ...]) -> bool:
    """Whether the layer is one of sequences of one input, and builds where they are masked."""
    if isinstance(layer, Cut | Symbols) or len(shape) < 2 or layer.masks == "ignore":
        return False
    try:
        Decl(Plan(masked=True)).build("layer", layer, shape)
    except BuildError:
        return False
    return True


FOUND = [case for case in cases("layers") if takes_masks(case[1], case[2])]


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("form", ["mixed", "whole"])
@pytest.mark.parametrize(("layer", "shape"), [case[1:] for case in FOUND], ids=[case[0] for case in FOUND])
def test_padding_changes_no_bit(layer: Any, shape: tuple[int, ...], form: str, training: bool) -> None:
    """Real outputs, all parameters' gradients and the input's are the same for any padding, to the last bit,
    and there is no gradient at the padding itself."""
    mask = mask_of(shape[0])
    mask = np.ones_like(mask) if form == "whole" else mask
    outcomes = [outcome(rig(layer, shape, training=training), mask, filled) for filled in (0.0, 1e6, -3.7)]
    for y, dx, dw in outcomes:
        for one, other in zip((y, dx, dw), outcomes[0], strict=True):
            assert np.array_equal(one, other)
        assert not dx[~mask].any()
        assert np.isfinite(dw).all()


READERS: list[dict[str, Any]] = [
    {"type": "simple_rnn", "units": 3},
    {"type": "gru", "units": 3, "return_sequences": True},
    {"type": "lstm", "units": 3, "reverse": True},
    {"type": "conv1d", "filters": 3, "kernel": 2, "padding": "causal"},
    {"type": "global_max_pool"},
]


@pytest.mark.parametrize("filled", [np.nan, np.inf])
@pytest.mark.parametrize("fields", READERS, ids=lambda fields: fields["type"])
def test_padding_need_not_even_be_numbers(fields: dict[str, Any], filled: float) -> None:
    layer: Any = family("layers")[fields["type"]].model_validate(fields)
    mask = mask_of(5)
    for one, other in zip(
        outcome(rig(layer, (5, 2)), mask, filled), outcome(rig(layer, (5, 2)), mask, 0.0), strict=True
    ):
        assert np.array_equal(one, other)


def outcome(r: Rig, mask: Any, filled: float) -> tuple[Any, Any, Any]:
    """The real outputs, dx and dw, with this number at all masked steps."""
    x = draw(len(mask), r.shape, 1)
    x[~mask] = filled
    r.ctx.mask = mask
    y = r.forward(x).copy()
    dy = draw(len(mask), r.output, 2)
    if keeps(r.layer, r.shape):
        assert r.ctx.mask.shape == y.shape[:2]
        dy[~r.ctx.mask] = 0  # as a layer that consumes the mask sends it back
        y = y[r.ctx.mask]
    r.store.g[:] = np.nan
    dx = r.backward(dy)
    return y, dx.copy(), r.store.g.copy()


def keeps(layer: Any, shape: tuple[int, ...]) -> bool:
    """Whether what comes out is masked still, as the containers' builds find out."""
    plan = Plan(masked=True)
    Decl(plan).build("layer", layer, shape)
    return plan.masked


def test_the_layers_that_let_masks_in() -> None:
    """None may leave this list unseen; the others refuse a masked sequence."""
    assert {layer.type for _, layer, _ in FOUND} >= {
        "activation", "batch_norm", "bidirectional", "conv1d", "dense", "dropout", "gaussian_noise",
        "global_avg_pool", "global_max_pool", "gru", "layer_norm", "lstm", "masking", "prelu", "rms_norm",
        "simple_rnn", "spatial_dropout", "time_distributed",
    }  # fmt: skip
    for name in ("flatten", "reshape", "permute", "max_pool1d", "avg_pool1d", "group_norm"):
        cls: Any = family("layers")[name]
        assert cls.masks == "ignore"


# --- a padded row is the row by itself ------------------------------------------------------------------


@pytest.mark.parametrize("place", ["right", "both"])
@pytest.mark.parametrize(
    "fields",
    [
        {"type": "global_avg_pool"},
        {"type": "global_max_pool"},
        {"type": "lstm", "units": 3},
        {"type": "gru", "units": 3, "reset": "before", "reverse": True},
        {"type": "bidirectional", "layer": {"type": "simple_rnn", "units": 3}},
        {"type": "conv1d", "filters": 3, "kernel": 3, "padding": "causal", "dilation": 2},
        {"type": "conv1d", "filters": 3, "kernel": 2, "padding": "same"},
        {"type": "conv1d", "filters": 3, "kernel": 3, "padding": "valid"},
        {"type": "conv1d", "filters": 3, "kernel": 2, "padding": "valid", "stride": 2},
    ],
    ids=lambda fields: "-".join(str(v) for v in fields.values() if not isinstance(v, dict)),
)
def test_a_padded_row_is_the_row_alone(fields: dict[str, Any], place: str) -> None:
    layer: Any = family("layers")[fields["type"]].model_validate(fields)
    padded, short = rig(layer, (9, 2)), rig(layer, (6, 2))
    x, real = draw(3, (9, 2), 1), np.zeros((3, 9), bool)
    inside = (
        slice(0, 6) if place == "right" else slice(2, 8)
    )  # strides count from the first step, real or not
    real[:, inside] = True
    padded.ctx.mask = real
    y, alone = padded.forward(x), short.forward(x[:, inside].copy())
    if y.ndim == 3:
        shown = padded.ctx.mask
        assert shown.sum(axis=1).tolist() == [alone.shape[1]] * 3
        y, alone = y[shown], alone.reshape(-1, alone.shape[-1])
    np.testing.assert_allclose(y, alone, rtol=1e-13, atol=1e-14)


def test_batch_norm_counts_the_real_steps_alone() -> None:
    layer: Any = family("layers")["batch_norm"].model_validate({})
    padded, flat = rig(layer, (5, 3), training=True), rig(layer, (3,), training=True)
    mask = mask_of(5)
    x, dy = draw(len(mask), (5, 3), 1), draw(len(mask), (5, 3), 2)
    dy[~mask] = 0
    padded.ctx.mask = mask
    y, dx, dw = padded.gradients(x, dy)
    expected, dx_flat, dw_flat = flat.gradients(x[mask], dy[mask])
    for ours, theirs in ((y[mask], expected), (dx[mask], dx_flat), (dw, dw_flat)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
    for r in (padded, flat):
        r.ctx.commit(r.p)
    np.testing.assert_allclose(padded.store.s, flat.store.s, rtol=1e-13)


# --- which mask goes where -----------------------------------------------------------------------------


def test_joined_sequences_are_real_where_all_of_them_are() -> None:
    for name in ("add", "multiply", "average", "concatenate"):
        join: Any = family("layers")[name].model_validate({})
        r = rig(join, ((3, 2), (3, 2), (3, 2)))  # type: ignore[arg-type]
        one, two = np.array([[True, True, False]]), np.array([[False, True, True]])
        r.ctx.masks = (one, None, two)
        r.forward(tuple(draw(1, (3, 2), k) for k in range(3)))
        assert r.ctx.mask.tolist() == [[False, True, False]]
        r.ctx.masks = (one, None, one)
        r.forward(tuple(draw(1, (3, 2), k) for k in range(3)))
        assert r.ctx.mask is one


def test_masks_of_branches_meet() -> None:
    branches = [{"type": "masking", "mask_value": value} for value in (0.0, 1.0)]
    net: Any = family("layers")["parallel"].model_validate({"layers": branches, "merge": "add"})
    r = rig(net, (3, 2))
    x = np.array([[[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]])
    r.forward(x)
    assert r.ctx.mask.tolist() == [[False, False, True]]


def test_masking_marks_steps_and_blanks_them() -> None:
    layer: Any = family("layers")["masking"].model_validate({"mask_value": 0.1})
    for dtype in ("float32", "float64"):
        r = rig(layer, (3, 2), dtype=dtype)
        x = np.array([[[0.1, 0.1], [0.1, 2.0], [0.0, 0.0]]], dtype)
        assert r.forward(x).tolist() == np.array([[[0, 0], [0.1, 2.0], [0, 0]]], dtype).tolist()
        assert r.ctx.mask.tolist() == [[False, True, True]]
        assert r.backward(np.ones_like(x)).tolist() == [[[0, 0], [1, 1], [1, 1]]]
        r.ctx.mask = np.array([[True, True, False]])  # one that is there already goes on to hold
        r.forward(x)
        assert r.ctx.mask.tolist() == [[False, True, False]]


def refused(*layers: Any, shape: tuple[int, ...] = (4, 3)) -> BuildError:
    net = Sequential.model_validate({"layers": ["masking", *layers]}).expand()
    with pytest.raises(BuildError) as caught:
        net.build(shape, Decl(Plan(), (), ("model",)))
    return caught.value


def test_what_would_ignore_a_mask_is_refused() -> None:
    for layer in ("flatten", {"type": "group_norm", "groups": 3}, {"type": "max_pool1d", "size": 2}):
        assert "would ignore the mask" in refused(layer).message
    assert "would ignore" in refused({"type": "conv1d", "filters": 2, "kernel": 2, "padding": 1}).message
    strided = {"type": "conv1d", "filters": 2, "kernel": 2, "padding": "same", "stride": 2}
    assert "would ignore" in refused(strided).message
    error = refused({"type": "layer_norm", "axes": 2})
    assert "would take masked steps in" in error.message
    assert error.where == ("model", "layers", 1, "axes")
    error = refused({"type": "time_distributed", "layer": "batch_norm"})
    assert error.where == ("model", "layers", 1, "layer")
    assert "masked steps too" in error.message


def test_a_consumed_mask_is_gone() -> None:
    for layer in ("global_avg_pool", {"type": "lstm", "units": 2}, "global_max_pool"):
        net = Sequential.model_validate({"layers": ["masking", layer, "flatten"]}).expand()
        plan = Plan()
        net.build((4, 3), Decl(plan))
        assert not plan.masked
