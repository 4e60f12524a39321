"""What sequence nets have besides cells and attention: the preset rnn, masking, parts, feed_forward."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.generic.rigs import draw, rig
from tests.reference.compare import agree, oracle

torch = pytest.importorskip("torch")

from tests.reference.functions import activated  # noqa: E402
from tests.reference.passes import layer, one_pass, tensor  # noqa: E402
from tests.reference.recurrent_cases import Case, agree_weights, load, ours, theirs  # noqa: E402

F = torch.nn.functional


@oracle("layers", "rnn")
@pytest.mark.parametrize("cell", ["simple_rnn", "gru", "lstm"])
@pytest.mark.parametrize("both", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequences"])
@pytest.mark.parametrize(("n", "t"), [(4, 5), (1, 3)])
def test_two_layers(cell: str, both: bool, sequences: bool, n: int, t: int) -> None:
    case = Case({"simple_rnn": "tanh"}.get(cell, cell), n, t, features=3, units=4)
    fields = {"units": 4, "layers": 2, "bidirectional": both, "return_sequences": sequences}
    r = rig(layer("rnn", cell=cell, **fields), (t, 3))
    module = case.module(num_layers=2, bidirectional=both)
    places = [
        ((key, *way), f"l{number}{suffix}")
        for number, (key, _) in enumerate(r.layer.children())
        for way, suffix in (((("forward",), ""), (("backward",), "_reverse")) if both else (((), ""),))
    ]
    for path, suffix in places:
        load(module, case, r.p.node(path), suffix)
    x, dy = draw(n, (t, 3), 1), draw(n, r.output, 2)
    given = tensor(x)
    out, state = module(given)
    state = state[0] if cell == "lstm" else state
    expected = out if sequences else torch.cat(list(state[-2:]), -1) if both else state[-1]
    expected.backward(torch.tensor(dy))
    y, dx = ours(r, x, dy)
    agree(y, expected, "y")
    agree(dx, given.grad, "dx")
    for path, suffix in places:
        agree_weights(r.g.node(path), module, case, suffix)


def gaps(n: int, t: int, features: int, value: float, seed: int) -> tuple[Any, Any]:
    """x (n, t, features), and which steps are real (n, t): elsewhere every feature has this value."""
    rng = np.random.default_rng(seed)
    x, real = rng.normal(size=(n, t, features)), rng.random((n, t)) < 0.6
    real[:, 0] = True
    x[~real] = value
    x[real, 0] = value  # one feature of that value leaves a step real
    return x, real


@oracle("layers", "masking", by="autograd")
@pytest.mark.parametrize("value", [0.0, -1.5])
@pytest.mark.parametrize("features", [2, 5])
def test_masking(value: float, features: int) -> None:
    x, real = gaps(6, 7, features, value, seed=features)
    r = rig(layer("masking", mask_value=value), (7, features))
    one_pass(r, lambda t, leaf: t * (t != value).any(-1, keepdim=True), n=6, x=x)
    r.layer.forward(r.p, x, r.ctx)
    assert np.array_equal(r.ctx.mask, real)


@oracle("layers", "masking")
@pytest.mark.parametrize("kind", ["tanh", "gru", "lstm"])
@pytest.mark.parametrize("value", [0.0, 9.0])
def test_masking_in_front_of_a_recurrent_layer(kind: str, value: float) -> None:
    case = Case(kind, n=5, t=8, features=3, units=4)
    x, real = gaps(5, 8, 3, value, seed=1)
    layers = [{"type": "masking", "mask_value": value}, case.layer(name="cell")]
    r = rig(layer("sequential", layers=layers), (8, 3))
    module = case.module()
    load(module, case, r.p.cell)
    given, dy = tensor(x), draw(5, r.output, 2)
    _, state = theirs(module, given, real)
    expected = (state[0] if kind == "lstm" else state)[0]
    expected.backward(torch.tensor(dy))
    y, dx = ours(r, x, dy)
    agree(y, expected, "y")
    agree(dx, given.grad, "dx")
    agree_weights(r.g.cell, module, case)


@oracle("layers", "feed_forward")
@pytest.mark.parametrize("seed", range(10))
def test_feed_forward(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(k) for k in rng.integers(1, 6, rng.integers(1, 3)))
    function = ("gelu", "relu", "tanh")[seed % 3]
    r = rig(layer("feed_forward", activation=function, units=int(rng.integers(1, 7))), shape)

    def theirs(x: Any, leaf: Any) -> Any:
        hidden = activated(r.layer.activation, F.linear(x, leaf("W1").T, leaf("b1")))
        return F.linear(hidden, leaf("W2").T, leaf("b2"))

    one_pass(r, theirs, n=int(rng.choice([1, 2, 6])))


@oracle("layers", "part")
@pytest.mark.parametrize("index", [0, 1, 2])
def test_part(index: int) -> None:
    shapes: Any = ((3, 2), (4,), (1, 2, 2))
    r = rig(layer("part", index=index), shapes)
    xs = tuple(draw(5, shape, 7 + j) for j, shape in enumerate(shapes))
    dy, given = draw(5, shapes[index], 2), [tensor(x) for x in xs]
    (given[index] * 1.0).backward(torch.tensor(dy))
    y, dxs = ours(r, xs, dy)
    agree(y, given[index], "y", limit=0.0)
    agree(dxs[index], given[index].grad, "dx", limit=0.0)
    others = [j for j in range(3) if j != index]
    assert all(dxs[j] is None and given[j].grad is None for j in others)


@oracle("layers", "tied_dense")
@pytest.mark.parametrize("function", [None, "tanh"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("shape", "n"), [((4,), 6), ((3, 5), 2), ((2,), 1)])
def test_tied_weights(function: str | None, bias: bool, shape: tuple[int, ...], n: int) -> None:
    """An autoencoder with its encoder's weights, turned round, as decoder: both uses make one gradient."""
    layers = [
        {"type": "dense", "units": 3, "activation": "tanh", "name": "code"},
        {"type": "tied_dense", "to": "code", "activation": function, "bias": bias, "name": "back"},
    ]

    def theirs(x: Any, leaf: Any) -> Any:
        W = leaf("code", "W")
        y = torch.tanh(x @ W + leaf("code", "b")) @ W.T
        y = y + leaf("back", "b") if bias else y
        return torch.tanh(y) if function else y

    one_pass(rig(layer("sequential", layers=layers), shape), theirs, n=n)
