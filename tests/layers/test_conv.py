"""Convolutions: tiles and threads, padding by name, how the kinds are related, and what cannot be built."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.core import rows, windows
from bpcli.core.rows import Pool
from bpcli.core.store import Decl, Plan
from bpcli.errors import BuildError
from bpcli.spec.registry import family
from tests.generic.rigs import Rig, close, draw, inputs, rig


def layer(name: str, **fields: Any) -> Any:
    return family("layers")[name].model_validate({"type": name, **fields})


def build(name: str, shape: tuple[int, ...], **fields: Any) -> Any:
    return layer(name, **fields).build(shape, Decl(Plan(), (), ("model", "layers", 3)))


# --- tiles and threads ---------------------------------------------------------------------------------

KINDS: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "conv2d": ("conv2d", {"filters": 3, "kernel": 3, "padding": "same", "dilation": 2}, (9, 8, 2)),
    "strided": ("conv2d", {"filters": 4, "kernel": 3, "stride": 2, "padding": 1, "groups": 2}, (9, 8, 4)),
    "channelwise": ("conv2d", {"filters": 4, "kernel": 3, "groups": 2, "padding": 1}, (9, 8, 2)),
    "pointwise": ("conv2d", {"filters": 3, "kernel": 1}, (9, 8, 2)),
    "conv1d": ("conv1d", {"filters": 3, "kernel": 4, "padding": "causal"}, (40, 2)),
    "depthwise": ("depthwise_conv2d", {"kernel": 3, "stride": 2, "multiplier": 2, "padding": 1}, (9, 8, 2)),
    "separable": ("separable_conv2d", {"filters": 3, "kernel": 3}, (9, 8, 2)),
    "transpose": ("conv2d_transpose", {"filters": 3, "kernel": 3, "stride": 2, "padding": 1}, (7, 6, 2)),
    "max_pool": ("max_pool2d", {"size": 3, "stride": 2, "padding": "same"}, (9, 8, 2)),
    "avg_pool": ("avg_pool2d", {"size": 3, "stride": 2, "padding": "same"}, (9, 8, 2)),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tile", [1, 300, 1500])
def test_tiles_and_threads_change_nothing(kind: str, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tiles give what one large tile gives, and three threads the bits of one."""
    name, fields, shape = KINDS[kind]
    whole = rig(layer(name, **fields), shape)
    x, dy = inputs(whole, n=11)
    expected = whole.gradients(x, dy)
    monkeypatch.setattr(windows, "TILE", tile)
    monkeypatch.setattr(windows, "TILE_ROWS", 1)
    monkeypatch.setattr("bpcli.layers._pool.TILE", tile)
    monkeypatch.setattr(rows, "BLOCK_WORK", 1000)
    found = []
    for threads in (1, 3):
        r = rig(layer(name, **fields), shape)
        r.ctx.shared.pool = Pool(threads)
        found.append(r.gradients(x, dy))
        found.append(r.gradients(x, dy))
    for parts in found:
        for part, first, one in zip(parts, found[0], expected, strict=True):
            assert np.array_equal(part, first)
            close(part, one)


def test_large_weights_have_fewer_partial_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BLOCK_WORK", 1000)
    monkeypatch.setattr("bpcli.layers._conv.BLOCK_WORK", 1000)
    made = layer("conv2d", filters=3, kernel=3)

    def blocks() -> tuple[int, Any]:
        r = rig(made, (9, 8, 2))
        x, dy = inputs(r, n=16)
        _, _, dw = r.gradients(x, dy)
        return len(r.ctx.child("windows").buf("partial", (1, 1, 18, 3), "float64").base), dw

    many, dw = blocks()
    monkeypatch.setattr("bpcli.layers._conv.PARTIAL", 2 * 54)
    few, again = blocks()
    assert (many, few) == (8, 2)
    close(again, dw)


# --- what the fields mean ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"kernel": 3}, (5, 6, 4)),
        ({"kernel": 3, "padding": "same"}, (7, 8, 4)),
        ({"kernel": 3, "padding": "same", "stride": 2}, (4, 4, 4)),
        ({"kernel": [1, 4], "padding": [0, 2]}, (7, 9, 4)),
        ({"kernel": 2, "padding": [[1, 0], [3, 1]], "stride": [2, 3]}, (4, 4, 4)),
        ({"kernel": 3, "dilation": [2, 3]}, (3, 2, 4)),
    ],
)
def test_output_shape(fields: dict[str, Any], expected: tuple[int, ...]) -> None:
    assert build("conv2d", (7, 8, 2), filters=4, **fields) == expected


def test_fans_count_the_kernel_and_the_group() -> None:
    plan = Plan()
    layer("conv2d", filters=6, kernel=[2, 3], groups=2).build((5, 5, 4), Decl(plan))
    W, b = plan.params
    assert (W.name, W.shape, W.fan_in, W.fan_out, W.decay) == ("W", (2, 3, 2, 6), 12, 18, True)
    assert (b.name, b.shape, b.decay) == ("b", (6,), False)


def test_a_causal_convolution_never_looks_ahead() -> None:
    r = rig(layer("conv1d", filters=3, kernel=3, dilation=2, padding="causal"), (9, 2))
    x = draw(2, r.shape, 1)
    before = r.forward(x).copy()
    x[:, 5:] += 1.0
    after = r.forward(x)
    assert np.array_equal(after[:, :5], before[:, :5])
    assert (after[:, 5:] != before[:, 5:]).all()


def test_conv1d_is_conv2d_on_one_line() -> None:
    fields = {"filters": 4, "groups": 2, "activation": "tanh", "padding": "same"}
    line = rig(layer("conv1d", kernel=3, stride=2, dilation=2, **fields), (11, 6))
    image = rig(layer("conv2d", kernel=[1, 3], stride=[1, 2], dilation=[1, 2], **fields), (1, 11, 6))
    same_numbers(line, image, lambda a: a[:, None])


def test_depthwise_is_conv2d_with_a_group_for_each_channel() -> None:
    deep = rig(layer("depthwise_conv2d", kernel=3, multiplier=2, stride=2, padding="same"), (7, 6, 3))
    image = rig(layer("conv2d", kernel=3, filters=6, groups=3, stride=2, padding="same"), (7, 6, 3))
    same_numbers(deep, image, lambda a: a)


def test_transpose_is_the_transposed_matrix() -> None:
    """<conv(x), y> = <x, transposed(y)>, with the same kernel."""
    fields = {"kernel": [3, 2], "stride": 2, "padding": [[1, 0], [0, 1]], "bias": False}
    forward = rig(layer("conv2d", filters=5, **fields), (9, 7, 3))
    back = rig(layer("conv2d_transpose", filters=3, **fields), forward.output)
    assert back.output == (8, 7, 3)  # the stride rounds 9 rows to as many windows as 8
    back = rig(layer("conv2d_transpose", filters=3, output_padding=[1, 0], **fields), forward.output)
    assert back.output == forward.shape
    back.p.W[...] = forward.p.W
    x, y = draw(4, forward.shape, 1), draw(4, forward.output, 2)
    close(np.vdot(forward.forward(x), y)[None], np.vdot(x, back.forward(y))[None])


def same_numbers(a: Rig, b: Rig, reshape: Any) -> None:
    b.store.w[:] = a.store.w
    x, dy = inputs(a)
    y, dx, dw = a.gradients(x, dy)
    for ours, theirs in zip((reshape(y), reshape(dx), dw), b.gradients(reshape(x), reshape(dy)), strict=True):
        close(ours, theirs)


def test_flops() -> None:
    """A multiplication and an addition for each weight that an output sees."""
    assert layer("conv2d", filters=6, kernel=3, groups=2).flops((5, 5, 4), (3, 3, 6)) == 2 * 9 * 2 * 54
    assert layer("conv1d", filters=6, kernel=3).flops((5, 4), (3, 6)) == 2 * 3 * 4 * 18
    assert layer("depthwise_conv2d", kernel=3).flops((5, 5, 4), (3, 3, 4)) == 2 * 9 * 36
    assert layer("separable_conv2d", filters=6, kernel=3).flops((5, 5, 4), (3, 3, 6)) == 2 * 9 * 4 * (9 + 6)
    assert layer("conv2d_transpose", filters=6, kernel=3).flops((3, 3, 4), (5, 5, 6)) == 2 * 9 * 36 * 6


# --- what cannot be built ------------------------------------------------------------------------------

MORE = {"filters": 3, "kernel": 2, "stride": 2, "output_padding": 2}


@pytest.mark.parametrize(
    ("name", "shape", "fields", "message"),
    [
        ("conv2d", (64,), {"filters": 2, "kernel": 3}, r"inputs of shape \(h, w, c\), got \(64,\).*reshape"),
        ("conv1d", (8, 8, 1), {"filters": 2, "kernel": 3}, r"inputs of shape \(t, c\), got \(8, 8, 1\)"),
        ("conv2d", (4, 9, 1), {"filters": 2, "kernel": 3, "dilation": 2}, "spans 5 values, .* only 4"),
        ("depthwise_conv2d", (2, 2, 1), {"kernel": 3}, "spans 3 values"),
        ("separable_conv2d", (2, 2, 1), {"kernel": 3, "filters": 2}, "spans 3 values"),
        ("conv2d", (8, 8, 3), {"filters": 4, "kernel": 3, "groups": 2}, "3 channels and 4 filters into 2"),
        ("conv2d_transpose", (8, 8, 4), {"filters": 3, "kernel": 3, "groups": 2}, "into 2 groups"),
        ("conv2d_transpose", (2, 2, 1), {"filters": 3, "kernel": 2, "padding": 2}, "leaves nothing of 3"),
        ("conv2d_transpose", (2, 2, 1), MORE, "below the stride"),
        ("conv2d_transpose", (2, 2, 1), {**MORE, "output_padding": 1, "padding": "same"}, "and 0 with same"),
    ],
)  # fmt: skip
def test_what_cannot_be_built(name: str, shape: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(BuildError, match=message) as caught:
        build(name, shape, **fields)
    assert caught.value.where[:3] == ("model", "layers", 3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kernel": 0}, "expected a positive whole number or"),
        ({"kernel": [3]}, "expected a positive whole number or"),
        ({"kernel": [3, 3, 3]}, "expected a positive whole number or"),
        ({"kernel": True}, "expected a positive whole number or"),
        ({"kernel": 3, "stride": 1.5}, "expected a positive whole number or"),
        ({"kernel": 3, "padding": "causal"}, "expected 'valid', 'same', a whole number"),
        ({"kernel": 3, "padding": -1}, "expected 'valid', 'same', a whole number"),
        ({"kernel": 3, "padding": [1, [1, 2]]}, "expected 'valid', 'same', a whole number"),
        ({"kernel": 3, "padding": [[1, 2], [1]]}, "expected 'valid', 'same', a whole number"),
        ({"kernel": 3, "padding": {"top": 1}}, "expected 'valid', 'same', a whole number"),
    ],
)
def test_what_the_fields_do_not_take(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        layer("conv2d", filters=2, **fields)


def test_a_misspelt_padding_is_suggested() -> None:
    with pytest.raises(ValidationError) as caught:
        layer("conv1d", filters=2, kernel=3, padding="casual")
    assert caught.value.errors()[0]["ctx"]["hint"] == "did you mean 'causal'?"
