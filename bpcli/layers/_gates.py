"""First values of weights whose columns are several gates side by side."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.initializers.base import Initializer


class PerGate(Initializer):
    """W = [W₁, W₂, …], each gate's part drawn by itself, so that its scale is not that of the wide matrix.

    `offsets` are added, one for each gate.
    """

    type: Literal["per_gate"] = "per_gate"
    inner: Initializer
    gates: int
    offsets: tuple[float, ...] = ()

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        part = (*shape[:-1], shape[-1] // self.gates)
        drawn = [self.inner.draw(rng, part, fan_in, fan_out) for _ in range(self.gates)]
        for values, offset in zip(drawn, self.offsets, strict=False):
            values += offset
        return np.concatenate(drawn, axis=-1)
