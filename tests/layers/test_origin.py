"""Whose values come out of a net: what passes values on is looked through."""

from __future__ import annotations

from typing import Any

import pytest

from bpcli.layers.sequential import Sequential

SOFTMAX = {"type": "dense", "units": 4, "activation": "softmax"}
HALF = {"type": "dropout", "rate": 0.5}


def net(*layers: Any, **fields: Any) -> Sequential:
    return Sequential.model_validate({"layers": list(layers), **fields})


def named(layer: Any, **fields: Any) -> dict[str, Any]:
    return {**({"type": layer} if isinstance(layer, str) else layer), **fields}


@pytest.mark.parametrize(
    ("layers", "place"),
    [
        ([SOFTMAX], (0,)),
        ([HALF, SOFTMAX], (1,)),
        ([SOFTMAX, HALF], (0,)),
        ([SOFTMAX, "flatten", HALF, {"type": "reshape", "shape": [2, 2]}, "flatten"], (0,)),
        ([SOFTMAX, {"type": "gaussian_noise", "std": 0.1}], (0,)),
        ([SOFTMAX, {"type": "activity_penalty", "l1": 0.1}], (0,)),
        ([SOFTMAX, "global_avg_pool"], (0,)),
        (["flatten", {"type": "sequential", "layers": [HALF, SOFTMAX, HALF]}, HALF], (1, "layers", 1)),
        ([SOFTMAX, {"type": "sequential", "layers": [HALF, "flatten"]}, HALF], (0,)),
        ([SOFTMAX, {"type": "sequential", "layers": []}], (0,)),
        ([named(SOFTMAX, name="a"), named("flatten", name="b"), named(HALF, **{"from": "a"})], (0,)),
        ([{"type": "activation", "function": "softmax"}, HALF], (0,)),
    ],
)
def test_a_softmax_is_found(layers: list[Any], place: tuple[Any, ...]) -> None:
    found = net(*layers)
    activation = found.final_activation()
    assert activation is not None
    assert activation.type == "softmax"
    assert found.origin()[0] == ("layers", *place)


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [HALF],
        [SOFTMAX, {"type": "dense", "units": 3}],
        [SOFTMAX, "batch_norm"],
        [SOFTMAX, {"type": "activation", "function": "tanh"}, HALF],
        [SOFTMAX, {"type": "residual", "layers": [HALF]}],
        [SOFTMAX, {"type": "zero_pad2d", "padding": 1}],
        [named(SOFTMAX, name="a"), {"type": "dense", "units": 4, "name": "b"}, named(HALF, **{"from": "b"})],
        [named(SOFTMAX, name="a"), {"type": "add", "from": ["a", "input"]}, HALF],
        [named(SOFTMAX, name="a"), {"type": "dropout", "rate": 0.1, "from": "input"}],
        [named(SOFTMAX, name="a"), {"type": "sequential", "from": ["a", "input"], "layers": ["add", HALF]}],
    ],
)
def test_where_there_is_none(layers: list[Any]) -> None:
    found = net(*layers).final_activation()
    assert found is None or found.type != "softmax"


def test_of_several_inputs() -> None:
    layers = [named(SOFTMAX, **{"from": "u"}, name="a"), named("add", **{"from": ["a", "v"]})]
    assert net(*layers, inputs=["u", "v"]).final_activation() is None
    layers = [named("multiply", **{"from": ["u", "v"]}), SOFTMAX, HALF]
    found = net(*layers, inputs=["u", "v"])
    assert found.origin()[0] == ("layers", 1)
    assert not net(HALF, inputs=["u"]).passes_on
