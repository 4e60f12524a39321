"""A loss, ours and PyTorch's: its value and its gradient, compared in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.backend import backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.data.records import Batch
from bpcli.losses.base import Loss
from tests.reference.compare import agree

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

N = 9


def compare(loss: Loss, y: Any, t: Any, reference: Any, weight: Any = None) -> None:
    """`reference(y, t)` is the mean loss in PyTorch. Small gradients beside large ones count as well."""
    batch = Batch(y, t, weight)
    value, dy = loss(y, batch, loss.weight(batch), Ctx(Pass(backend())))
    theirs = torch.tensor(y, requires_grad=True)
    expected = reference(theirs, torch.tensor(t))
    expected.backward()
    agree(value, expected, "value", limit=1e-12, of=loss.type)
    agree(dy, theirs.grad, "dy", limit=1e-11, of=loss.type)
    np.testing.assert_allclose(dy, theirs.grad.numpy(), rtol=1e-11, atol=1e-15)


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape) * 2
