"""Recurrent cases drawn at random, our weights as PyTorch's modules have them, masks as packed sequences."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tests.generic.rigs import Rig, draw, rig
from tests.reference.compare import agree
from tests.reference.passes import layer, tensor

torch = pytest.importorskip("torch")

#: Our layer and its fields, PyTorch's module and its options, and where its gates stand in ours.
CELLS: dict[str, tuple[str, dict[str, Any], str, dict[str, Any], list[int]]] = {
    "tanh": ("simple_rnn", {}, "RNN", {}, [0]),
    "relu": ("simple_rnn", {"activation": "relu"}, "RNN", {"nonlinearity": "relu"}, [0]),
    "gru": ("gru", {}, "GRU", {}, [0, 1, 2]),
    "lstm": ("lstm", {}, "LSTM", {}, [0, 1, 3, 2]),
}


@dataclass
class Case:
    """A recurrent layer of one kind: sizes, options, and what comes in."""

    kind: str
    n: int
    t: int
    features: int
    units: int
    bias: bool = True
    mask: Any = None
    fields: dict[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def drawn(cls, kind: str, seed: int, *, masks: bool = False) -> Case:
        rng = np.random.default_rng(seed)
        n, t = int(rng.choice([1, 2, 5, 9])), 1 if seed % 6 == 0 else int(rng.integers(2, 12))
        case = cls(kind, n, t, *(int(k) for k in rng.integers(1, 9, 2)), bias=seed % 4 > 0)
        if masks:
            case.mask = drawn_mask(rng, n, t, seed % 4)
        return case

    def layer(self, **fields: Any) -> dict[str, Any]:
        name, own, *_ = CELLS[self.kind]
        return {"type": name, "units": self.units, "bias": self.bias, **own, **self.fields, **fields}

    def rig(self, *initial: tuple[int, ...], **fields: Any) -> Rig:
        """Our layer by itself, and with shapes of a first state, one that takes it."""
        config = self.layer(**fields)
        shape: Any = (self.t, self.features)
        if initial:
            shape = (shape, *initial)
        return rig(layer(config.pop("type"), **config), shape)

    def module(self, **options: Any) -> Any:
        _, _, name, own, _ = CELLS[self.kind]
        made = getattr(torch.nn, name)(
            self.features, self.units, bias=self.bias, batch_first=True, **own, **options
        )
        return made.double()

    @property
    def states(self) -> int:
        return 2 if self.kind == "lstm" else 1


def drawn_mask(rng: Any, n: int, t: int, form: int) -> Any:
    """(n, t), at least one step of each row real: padding right, left, in between, anywhere."""
    lengths = rng.integers(1, t + 1, n)[:, None]
    steps = np.arange(t)
    mask = [steps < lengths, steps >= t - lengths, rng.random((n, t)) < 0.5, rng.random((n, t)) < 0.8][form]
    mask[np.arange(n), rng.integers(0, t, n) if form > 1 else (0 if form == 0 else t - 1)] = True
    return mask


def load(module: Any, case: Case, p: Any, suffix: str = "l0") -> None:
    """Our weights of one layer and direction into PyTorch's module."""
    order, H = CELLS[case.kind][4], case.units

    def rows(a: Any) -> Any:
        return torch.tensor(np.concatenate([a[..., k * H : (k + 1) * H] for k in order], axis=-1).T)

    with torch.no_grad():
        getattr(module, f"weight_ih_{suffix}").copy_(rows(p.W))
        getattr(module, f"weight_hh_{suffix}").copy_(rows(p.U))
        if case.bias:
            getattr(module, f"bias_ih_{suffix}").copy_(rows(p.b))
            hidden = getattr(module, f"bias_hh_{suffix}")
            hidden.zero_()
            if case.kind == "gru":
                hidden[2 * H :] = torch.tensor(p.a)


def agree_weights(g: Any, module: Any, case: Case, suffix: str = "l0", **of: Any) -> None:
    """Our gradients of one layer and direction beside those of PyTorch's module."""
    order, H = CELLS[case.kind][4], case.units

    def columns(name: str) -> Any:
        found = getattr(module, f"{name}_{suffix}").grad.numpy()
        return np.concatenate([found[k * H : (k + 1) * H] for k in np.argsort(order)]).T

    agree(g.W, columns("weight_ih"), "dW", **of)
    agree(g.U, columns("weight_hh"), "dU", **of)
    if case.bias:
        agree(g.b, columns("bias_ih"), "db", **of)
        if case.kind == "gru":
            agree(g.a, columns("bias_hh")[2 * H :], "da", **of)


def ours(r: Rig, xs: Any, dy: Any, mask: Any = None) -> tuple[Any, Any]:
    """y and dx of one pass; the parameters' gradients are in r.g, which is filled with NaN before."""
    several = isinstance(xs, tuple)
    r.ctx.mask, r.ctx.masks = mask, (mask, *(None,) * (len(xs) - 1)) if several else ()
    y = r.layer.forward(r.p, xs, r.ctx)
    r.store.g[:] = np.nan
    dx = r.layer.backward(r.p, r.g, dy, r.ctx)
    return y, dx


def theirs(module: Any, x: Any, mask: Any, initial: Any = None) -> tuple[Any, Any]:
    """(outputs (n, t, units), zero at masked steps; last state), from PyTorch, which packs the real steps."""
    if mask is None:
        return module(x, initial)
    t = mask.shape[1]
    places = [np.flatnonzero(row) for row in mask]
    real = torch.nn.utils.rnn.pad_sequence([x[i, where] for i, where in enumerate(places)], batch_first=True)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        real, torch.tensor([len(where) for where in places]), batch_first=True, enforce_sorted=False
    )
    out, last = module(packed, initial)
    out, _ = torch.nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
    rows = []
    for i, where in enumerate(places):
        spread = torch.zeros(t, out.shape[2], dtype=torch.float64)
        rows.append(spread.index_put((torch.tensor(where),), out[i, : len(where)]))
    return torch.stack(rows), last


def inputs(case: Case, r: Rig) -> tuple[Any, Any, Any]:
    """x, the tensor of it, and a gradient of the output."""
    x = draw(case.n, (case.t, case.features), 1)
    return x, tensor(x), draw(case.n, r.output, 2)
