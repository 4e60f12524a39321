"""cnn, lenet and resnet: the layers they stand for, their sizes, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bpcli.core.store import Decl, Plan
from bpcli.layers.cnn import Cnn
from bpcli.layers.lenet import Lenet
from bpcli.layers.resnet import Resnet


def plan(preset: Any, shape: tuple[int, ...]) -> Plan:
    found = Plan()
    preset.expand().build(shape, Decl(found))
    return found


def steps(preset: Any) -> list[str]:
    """The visible layers in short: conv2d 32, max_pool2d, …"""
    told = []
    for _, layer in preset.expand().children():
        size = (
            getattr(layer, "filters", None) or getattr(layer, "units", None) or getattr(layer, "rate", None)
        )
        told.append(f"{layer.type} {size}" if size else layer.type)
    return told


def weights(found: Plan) -> int:
    """Arrays with weights on the main path: kernels and matrices, projections left out."""
    return sum(param.name == "W" for param in found.params)


def size(found: Plan) -> int:
    from math import prod

    return sum(prod(param.shape) for param in found.params)


# --- cnn -----------------------------------------------------------------------------------------------


def test_the_short_form_is_the_long_one() -> None:
    short = Cnn.model_validate({"filters": [8, 16]})
    long = Cnn.model_validate({"blocks": [{"filters": 8}, {"filters": 16, "kernel": 3, "pool": "max"}]})
    assert short.layers_of() == long.layers_of()
    assert steps(short) == ["conv2d 8", "max_pool2d", "conv2d 16", "max_pool2d", "flatten"]


def test_the_well_known_net_for_mnist() -> None:
    """Two valid convolutions of 32 and 64, a pool, dropout, dense 128, dropout: 1,199,882 parameters with
    its output layer."""
    net = Cnn.model_validate(
        {
            "blocks": [{"filters": [32, 64], "dropout": 0.25}],
            "padding": "valid",
            "dense": [128],
            "dense_dropout": 0.5,
        }
    )
    assert steps(net) == [
        "conv2d 32", "conv2d 64", "max_pool2d", "dropout 0.25", "flatten", "dense 128", "dropout 0.5",
    ]  # fmt: skip
    assert size(plan(net, (28, 28, 1))) + 129 * 10 == 1_199_882


def test_a_block_may_differ_from_the_whole() -> None:
    net = Cnn.model_validate(
        {
            "blocks": [
                {"filters": 4, "convs": 2, "pool": "average"},
                {"filters": 6, "pool": "none", "dropout": 0},
            ],
            "dropout": 0.1,
            "kernel": 5,
            "norm": {"type": "group_norm", "groups": 2},
            "reduce": "global_max",
        }
    )
    conv = ["conv2d 4", "group_norm", "activation"]
    assert steps(net) == [
        *conv, *conv, "avg_pool2d", "dropout 0.1", "conv2d 6", "group_norm", "activation", "global_max_pool",
    ]  # fmt: skip
    first: Any = net.expand().children()[0][1]
    assert (first.kernel, first.bias, first.activation, first.padding) == (5, False, None, "same")


@pytest.mark.parametrize("fields", [{}, {"filters": [4], "blocks": [{"filters": 4}]}])
def test_one_of_the_two_forms(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="either filters or blocks"):
        Cnn.model_validate(fields)


def test_flat_rows_become_images() -> None:
    assert plan(Cnn.model_validate({"filters": [4], "image": [8, 8, 1]}), (64,)).built[-1].output == (
        4 * 4 * 4,
    )


# --- lenet ---------------------------------------------------------------------------------------------


def test_lenet_has_the_maps_and_the_parameters_of_lenet_5() -> None:
    found = plan(Lenet.model_validate({}), (28, 28, 1))
    shapes = [built.output for built in found.built if len(built.output) == 3]
    assert shapes == [(28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16)]
    assert size(found) + 85 * 10 == 61_706


def test_lenet_in_the_old_manner() -> None:
    assert steps(Lenet.model_validate({"pool": "average", "activation": "tanh", "dropout": 0.5})) == [
        "conv2d 6", "avg_pool2d", "conv2d 16", "avg_pool2d", "flatten",
        "dense 120", "dropout 0.5", "dense 84", "dropout 0.5",
    ]  # fmt: skip


# --- resnet --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("depth", "parameters"), [(20, 269_722), (56, 853_018)])
def test_depth_counts_the_layers_with_weights(depth: int, parameters: int) -> None:
    """The parameters are those of He et al.'s nets (0.27 and 0.85 million) with the output layer and the two
    projections, 16·32 and 32·64."""
    found = plan(Resnet.model_validate({"depth": depth}), (32, 32, 3))
    assert weights(found) + 1 == depth
    assert size(found) + 65 * 10 == parameters + 16 * 32 + 32 * 64


def test_shortcuts_are_projected_where_the_width_changes() -> None:
    found = plan(Resnet.model_validate({"depth": 14, "widths": [4, 6, 6]}), (9, 8, 1))
    blocks = [built for built in found.built if built.layer.type == "residual"]
    assert [built.output for built in blocks] == [(9, 8, 4)] * 2 + [(5, 4, 6)] * 2 + [(3, 2, 6)] * 2
    assert [built.layer.projection for built in blocks] == [False, False, True, False, True, False]  # type: ignore[attr-defined]


def test_the_plain_net_has_the_same_layers_and_no_shortcuts() -> None:
    fields = {"depth": 8, "widths": [4, 6, 8]}
    skip = plan(Resnet.model_validate(fields), (8, 8, 1))
    plain = plan(Resnet.model_validate(fields | {"skip": False}), (8, 8, 1))
    assert weights(plain) == weights(skip)
    assert not [built for built in plain.built if built.layer.type == "residual"]
    assert size(skip) - size(plain) == 4 * 6 + 6 * 8
    assert [b.output for b in plain.built][-1] == [b.output for b in skip.built][-1]


@pytest.mark.parametrize(("depth", "hint"), [(21, "20 or 26"), (2, "8 or 14"), (9, "8 or 14")])
def test_a_depth_that_makes_no_whole_blocks(depth: int, hint: str) -> None:
    with pytest.raises(ValidationError, match=f"depth of {depth}") as caught:
        Resnet.model_validate({"depth": depth})
    assert hint in caught.value.errors()[0]["ctx"]["hint"]
