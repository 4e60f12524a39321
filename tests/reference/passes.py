"""A forward and a backward pass of a layer, ours and PyTorch's, compared array by array in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bpcli.spec.registry import family
from tests.generic.rigs import Rig, draw
from tests.reference.compare import LIMIT, agree

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

#: A layer in PyTorch: (x, leaf) -> y, `leaf(*path)` being our own array of that path as a tensor, or None.
Theirs = Callable[[Any, Callable[..., Any]], Any]


def layer(name: str, **fields: Any) -> Any:
    found: Any = family("layers")[name].model_validate(fields)
    return found.expand()


def tensor(a: Any) -> Any:
    return torch.tensor(np.array(a), dtype=torch.float64, requires_grad=True)


def first(t: Any) -> Any:
    """Channels first, as PyTorch has them."""
    return t.movedim(-1, 1)


def last(t: Any) -> Any:
    """Channels last. The gradient that comes back is laid out as PyTorch has it: with another layout some of
    its own backward passes are wrong (instance_norm of a batch of 1, in 2.13)."""
    t.register_hook(torch.Tensor.contiguous)
    return t.movedim(1, -1)


def leaves_of(r: Rig) -> dict[tuple[str, ...], Any]:
    return {(*q.path, q.name): tensor(r.p.node(q.path)[q.name]) for q in r.store.params}


def one_pass(
    r: Rig,
    theirs: Theirs,
    *,
    n: int,
    size: float = 1.0,
    shift: float = 0.0,
    limit: float = LIMIT,
    x: Any = None,
) -> None:
    """y, dx and the gradient of every parameter, for normal x (n, ...) of a size around `shift`, or for x."""
    x = size * draw(n, r.shape, 1) + shift if x is None else x
    dy = draw(len(x), r.output, 2)
    y, dx, _ = r.gradients(x, dy)
    leaves, t = leaves_of(r), tensor(x)
    out = theirs(t, lambda *path: leaves.get(path))
    out.backward(torch.tensor(dy))
    agree(y, out, "y", limit=limit)
    agree(dx, t.grad, "dx", limit=limit)
    for (*path, name), leaf in leaves.items():
        agree(r.g.node(tuple(path))[name], leaf.grad, f"d{'.'.join((*path, name))}", limit=limit)
