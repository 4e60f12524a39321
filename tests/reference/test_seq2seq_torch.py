"""The preset seq2seq: values and all gradients against PyTorch's modules put together by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.generic.rigs import draw, rig
from tests.reference.compare import agree, oracle

torch = pytest.importorskip("torch")

from tests.reference.passes import layer, leaves_of  # noqa: E402
from tests.reference.recurrent_cases import Case, agree_weights, load, ours  # noqa: E402

SYMBOLS, WIDTH, UNITS = 7, 3, 4


def texts(n: int, t: int, seed: int) -> Any:
    """Numbers of symbols (n, t), 0 behind the end of each row; the first row is full."""
    rng = np.random.default_rng(seed)
    x = rng.integers(1, SYMBOLS, (n, t))
    lengths = rng.integers(1, t + 1, n)
    lengths[0] = t
    x[np.arange(t) >= lengths[:, None]] = 0
    return x


@oracle("layers", "seq2seq")
@pytest.mark.parametrize("kind", ["tanh", "gru", "lstm"])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("attention", [False, True], ids=["plain", "attention"])
@pytest.mark.parametrize(("n", "s", "t"), [(5, 4, 6), (1, 3, 2)])
def test_values_and_gradients(kind: str, depth: int, attention: bool, n: int, s: int, t: int) -> None:
    cell = {"tanh": "simple_rnn"}.get(kind, kind)
    fields = {"cell": cell, "units": UNITS, "layers": depth, "embedding": WIDTH, "symbols": SYMBOLS}
    r = rig(layer("seq2seq", attention=attention, **fields), ((s,), (t,)))
    x, previous = texts(n, s, 1), texts(n, t, 2)
    dy = draw(n, r.output, 3) * (previous != 0)[:, :, None]
    y, _ = ours(r, (x.astype(float), previous.astype(float)), dy)

    leaf = leaves_of(r)
    case = Case(kind, n, s, features=WIDTH, units=UNITS)
    deep = Case(kind, n, s, features=UNITS, units=UNITS)
    modules = {}
    for k in range(1, depth + 1):
        for name in (f"encoder{k}", f"decoder{k}"):
            modules[name] = (case if k == 1 else deep).module()
            load(modules[name], case, r.p.node((name,)), "l0")
    lengths = torch.tensor((x != 0).sum(1))
    h = leaf["read", "W"][torch.tensor(x)]
    states = []
    for k in range(1, depth + 1):
        packed = torch.nn.utils.rnn.pack_padded_sequence(h, lengths, batch_first=True, enforce_sorted=False)
        out, state = modules[f"encoder{k}"](packed)
        h, _ = torch.nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=s)
        states.append(state)
    encoded, h = h, leaf["write", "W"][torch.tensor(previous)]
    real = torch.tensor(previous != 0)[:, :, None]
    for k, state in enumerate(states, 1):
        h, _ = modules[f"decoder{k}"](h, state)
        h = h * real  # what comes behind the end is 0
    if attention:
        scores = h @ encoded.mT / UNITS**0.5
        scores = scores.masked_fill(torch.tensor(x == 0)[:, None], -torch.inf)
        both = torch.cat([h, scores.softmax(-1) @ encoded], -1)
        h = torch.tanh(both @ leaf["joined", "W"] + leaf["joined", "b"])
    h.backward(torch.tensor(dy))

    kept = previous != 0
    agree(y[kept], h.detach().numpy()[kept], "y")
    for name in ("read", "write", *(["joined"] if attention else [])):
        for own in ("W", "b") if name == "joined" else ("W",):
            agree(r.g.node((name,))[own], leaf[name, own].grad, f"{name}.{own}")
    for name, module in modules.items():
        agree_weights(r.g.node((name,)), module, case, "l0")
