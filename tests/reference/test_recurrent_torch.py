"""Recurrent layers against PyTorch in float64: outputs and all gradients, over configurations drawn.

Odd sizes, one step, a batch of 1, with and without bias, from a given state or from none, padding at either
end, in between or anywhere, both ways, stacked, and through windows whose gradients end where they begin.
max|ours - theirs| / max|theirs| <= 1e-10 for each array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.generic.rigs import draw, rig
from tests.reference.compare import agree, oracle

torch = pytest.importorskip("torch")

from tests.reference.passes import layer, leaves_of, tensor  # noqa: E402
from tests.reference.recurrent_cases import (  # noqa: E402
    CELLS,
    Case,
    agree_weights,
    drawn_mask,
    inputs,
    load,
    ours,
    theirs,
)

kinds = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=oracle("layers", CELLS[kind][0])) for kind in sorted(CELLS)]
)


@kinds
@pytest.mark.parametrize("masks", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("seed", range(14))
def test_one_layer(kind: str, masks: bool, seed: int) -> None:
    """The output at every step, or at the last, read forwards or backwards."""
    case = Case.drawn(kind, 100 * masks + seed, masks=masks)
    sequences, reverse = seed % 2 > 0, seed % 5 > 2
    r = case.rig(return_sequences=sequences, reverse=reverse)
    x, t, dy = inputs(case, r)
    module = case.module()
    load(module, case, r.p)
    turned = t.flip(1) if reverse else t
    mask = case.mask[:, ::-1] if reverse and masks else case.mask
    out, last = theirs(module, turned, mask)
    h = (last[0] if kind == "lstm" else last)[0]
    expected = (out.flip(1) if reverse else out) if sequences else h
    expected.backward(torch.tensor(dy))
    y, dx = ours(r, x, dy, case.mask)
    agree(y, expected, "y")
    agree(dx, t.grad, "dx")
    agree_weights(r.g, module, case)


@kinds
@pytest.mark.parametrize("seed", range(6))
def test_from_a_given_state_to_the_last(kind: str, seed: int) -> None:
    """A state comes in, in one part or two, and sequence and state go out, with gradients for both."""
    case = Case.drawn(kind, 200 + seed, masks=seed % 2 > 0)
    H, count = case.units, case.states
    whole = seed % 3 == 0
    shapes = ((count * H,),) if whole else ((H,),) * count
    r = case.rig(*shapes, return_sequences=True, return_state=True)
    x, t = draw(case.n, (case.t, case.features), 1), None
    t = tensor(x)
    first = draw(case.n, (count, H), 3)
    parts = (first.reshape(case.n, -1),) if whole else tuple(first[:, k] for k in range(count))
    dy, dstate = draw(case.n, (case.t, H), 4), draw(case.n, (count * H,), 5)
    module = case.module()
    load(module, case, r.p)
    start = tensor(first.swapaxes(0, 1))
    out, last = theirs(module, t, case.mask, tuple(start[:, None]) if kind == "lstm" else start)
    state = torch.cat(list(last), 2)[0] if kind == "lstm" else last[0]
    ((out * torch.tensor(dy)).sum() + (state * torch.tensor(dstate)).sum()).backward()
    (y, end), dxs = ours(r, (x, *parts), (dy, dstate), case.mask)
    agree(y, out, "y")
    agree(end, state, "state")
    agree(dxs[0], t.grad, "dx")
    dfirst = np.concatenate([part.reshape(case.n, -1) for part in dxs[1:]], axis=1)
    agree(dfirst, start.grad.swapaxes(0, 1).reshape(case.n, -1), "dstate")
    agree_weights(r.g, module, case)


@oracle("layers", "bidirectional")
@pytest.mark.parametrize("kind", ["tanh", "gru", "lstm"])
@pytest.mark.parametrize("seed", range(8))
def test_bidirectional(kind: str, seed: int) -> None:
    case = Case.drawn(kind, 300 + seed, masks=seed % 2 > 0)
    sequences, merge = seed % 3 > 0, ("concatenate", "add", "multiply", "average")[seed % 4]
    r = rig(
        layer("bidirectional", layer=case.layer(return_sequences=sequences), merge=merge),
        (case.t, case.features),
    )
    x, t, dy = inputs(case, r)
    module = case.module(bidirectional=True)
    load(module, case, r.p.forward)
    load(module, case, r.p.backward, "l0_reverse")
    out, last = theirs(module, t, case.mask)
    both = out.chunk(2, -1) if sequences else tuple(last[0] if kind == "lstm" else last)
    expected = {
        "concatenate": lambda f, b: torch.cat([f, b], -1),
        "add": lambda f, b: f + b,
        "multiply": lambda f, b: f * b,
        "average": lambda f, b: (f + b) / 2,
    }[merge](*both)
    expected.backward(torch.tensor(dy))
    y, dx = ours(r, x, dy, case.mask)
    agree(y, expected, "y")
    agree(dx, t.grad, "dx")
    agree_weights(r.g.forward, module, case)
    agree_weights(r.g.backward, module, case, "l0_reverse")


@kinds
@pytest.mark.parametrize("seed", range(4))
def test_stacked(kind: str, seed: int) -> None:
    case = Case.drawn(kind, 400 + seed, masks=seed % 2 > 0)
    above = Case(kind, case.n, case.t, case.units, case.units, case.bias)
    layers = [case.layer(return_sequences=True), above.layer(return_sequences=seed > 1)]
    r = rig(layer("sequential", layers=layers), (case.t, case.features))
    x, t, dy = inputs(case, r)
    module = case.module(num_layers=2)
    keys = [key for key, _ in r.layer.children()]
    load(module, case, r.p[keys[0]])
    load(module, above, r.p[keys[1]], "l1")
    out, last = theirs(module, t, case.mask)
    expected = out if seed > 1 else (last[0] if kind == "lstm" else last)[1]
    expected.backward(torch.tensor(dy))
    y, dx = ours(r, x, dy, case.mask)
    agree(y, expected, "y")
    agree(dx, t.grad, "dx")
    agree_weights(r.g[keys[0]], module, case)
    agree_weights(r.g[keys[1]], module, above, "l1")


@kinds
@pytest.mark.parametrize("seed", range(3))
def test_three_windows_of_truncated_backpropagation(kind: str, seed: int) -> None:
    """A stateful layer over three windows is PyTorch with the state detached between them; each window's
    gradients are its own."""
    case = Case.drawn(kind, 500 + seed)
    case.n, case.fields = 4, {"stateful": 4, "return_sequences": True}
    r = case.rig()
    r.ctx.shared.training = True
    r.store.s[:] = 0.0
    module, state = case.module(), None
    load(module, case, r.p)
    for window in range(3):
        x, dy = draw(4, (case.t, case.features), 10 + window), draw(4, r.output, 20 + window)
        t = tensor(x)
        out, state = module(t, state)
        state = tuple(part.detach() for part in state) if kind == "lstm" else state.detach()
        module.zero_grad()
        out.backward(torch.tensor(dy))
        y, dx = ours(r, x, dy)
        r.ctx.commit(r.p)
        agree(y, out, "y")
        agree(dx, t.grad, "dx")
        agree_weights(r.g, module, case)


@kinds
def test_a_window_that_covers_the_sequence_is_full_backpropagation(kind: str) -> None:
    """A stateful window of 12 steps is the whole; so are three of 4, chained by hand with the gradient of the
    state passed back. Both against one pass of PyTorch."""
    case = Case(kind, 3, 12, 2, 5)
    module = case.module()
    x, dy = draw(3, (12, 2), 1), draw(3, (12, 5), 2)
    whole = case.rig(stateful=3, return_sequences=True)
    whole.ctx.shared.training = True
    whole.store.s[:] = 0.0
    load(module, case, whole.p)
    t = tensor(x)
    out, _ = module(t)
    out.backward(torch.tensor(dy))
    y, dx = ours(whole, x, dy)
    agree(y, out, "y")
    agree(dx, t.grad, "dx")
    agree_weights(whole.g, module, case)

    width = case.states * 5
    parts = [Case(kind, 3, 4, 2, 5).rig((width,), return_sequences=True, return_state=True) for _ in range(3)]
    state, ys = np.zeros((3, width)), list[Any]()
    for k, part in enumerate(parts):
        part.store.w[:] = whole.store.w
        (y, state), _ = ours(part, (x[:, 4 * k : 4 * k + 4], state), (dy[:, :4], state))
        ys.append(y.copy())
    agree(np.concatenate(ys, axis=1), out, "y of three")
    dstate, total = None, np.zeros_like(whole.store.g)
    for k in (2, 1, 0):
        parts[k].store.g[:] = np.nan
        back = (dy[:, 4 * k : 4 * k + 4], dstate)
        _, dstate = parts[k].layer.backward(parts[k].p, parts[k].g, back, parts[k].ctx)
        total += parts[k].store.g
    agree_weights(whole.store.view(total), module, case)


@oracle("layers", "embedding", "time_distributed", "part")
@pytest.mark.parametrize(
    "cell", [pytest.param(cell, marks=oracle("layers", cell)) for cell in ("lstm", "gru")]
)
@pytest.mark.parametrize("seed", range(6))
def test_a_whole_net_of_symbols(seed: int, cell: str) -> None:
    """An encoder and a decoder that starts from its state, over embeddings, with padding in the source."""
    rng = np.random.default_rng(seed)
    n, t, symbols, e, H = 4, int(rng.integers(2, 7)), int(rng.choice([6, 300])), 3, int(rng.integers(1, 5))
    net = layer(
        "sequential",
        layers=[
            {"type": "embedding", "symbols": symbols, "units": e, "mask_zero": True, "name": "source"},
            {"type": cell, "units": H, "return_state": True, "return_sequences": True, "name": "encoder"},
            {"type": "part", "index": 1, "name": "state"},
            {"type": "part", "index": 0, "from": "encoder", "name": "seen"},
            {"type": "global_avg_pool", "name": "mean"},
            {"type": "embedding", "symbols": symbols, "units": e, "from": "input", "name": "target"},
            {
                "type": cell,
                "units": H,
                "return_sequences": True,
                "from": ["target", "state"],
                "name": "decoder",
            },
            {"type": "time_distributed", "layer": {"type": "dense", "units": 2}, "name": "out"},
            {"type": "global_avg_pool", "name": "score"},
            {"type": "concatenate", "from": ["score", "mean"]},
        ],
    )
    r = rig(net, (t,))
    mask = drawn_mask(rng, n, t, seed % 4)
    ids = rng.integers(1, symbols, (n, t)) * mask
    dy = draw(n, r.output, 2)
    y, dx = ours(r, ids.astype(float), dy)
    leaf = leaves_of(r)
    case = Case(cell, n, t, e, H)
    encoder, decoder = case.module(), case.module()
    load(encoder, case, r.p.encoder)
    load(decoder, case, r.p.decoder)
    names = torch.tensor(ids)
    seen, state = theirs(encoder, leaf["source", "W"][names], mask)
    real = torch.tensor(mask)
    mean = seen.sum(1) / real.sum(1, keepdim=True)
    out, _ = decoder(leaf["target", "W"][names], state)
    score = (out @ leaf["out", "dense1", "W"] + leaf["out", "dense1", "b"]).mean(1)
    expected = torch.cat([score, mean], -1)
    expected.backward(torch.tensor(dy))
    for one in ("embedding", cell, "time_distributed", "part"):
        agree(y, expected, "y", of=one)
    assert not dx.any()
    agree(r.g.source.W, leaf["source", "W"].grad, "dW", of="embedding")
    agree(r.g.target.W, leaf["target", "W"].grad, "dW", of="embedding")
    agree(r.g.out.dense1.W, leaf["out", "dense1", "W"].grad, "dW", of="time_distributed")
    agree_weights(r.g.encoder, encoder, case, of=cell)
    agree_weights(r.g.decoder, decoder, case, of=cell)


@oracle("layers", "tied_dense")
@pytest.mark.parametrize("symbols", [7, 40, 300])
@pytest.mark.parametrize("bias", [False, True])
def test_a_language_model_with_one_table(symbols: int, bias: bool) -> None:
    """The embedding's table is the output layer's too; of 7 and 40 symbols the product with W is copied."""
    e, n, t = 3, 8, 10
    fields = {"type": "tied_dense", "to": "words", "activation": None if bias else "tanh", "bias": bias}
    net = layer(
        "sequential",
        layers=[
            {"type": "embedding", "symbols": symbols, "units": e, "name": "words"},
            {"type": "lstm", "units": e, "return_sequences": True, "name": "cell"},
            fields,
        ],
    )
    r = rig(net, (t,))
    ids = np.random.default_rng(symbols).integers(0, symbols, (n, t))
    dy = draw(n, r.output, 2)
    y, _, _ = r.gradients(ids.astype(float), dy)
    leaf = leaves_of(r)
    case = Case("lstm", n, t, e, e)
    module = case.module()
    load(module, case, r.p.cell)
    hidden, _ = module(leaf["words", "W"][torch.tensor(ids)])
    out = hidden @ leaf["words", "W"].T
    out = out + leaf["tied_dense1", "b"] if bias else torch.tanh(out)
    out.backward(torch.tensor(dy))
    agree(y, out, "y")
    agree(r.g.words.W, leaf["words", "W"].grad, "dW")
    agree_weights(r.g.cell, module, case)
