"""What the gates of a recurrent layer get of a single number: bpcli/layers/_gate_inputs.py."""

from __future__ import annotations

from typing import Any

from bpcli.core.compiled._jit import kernel


@kernel
def of_one_number(x: Any, W: Any, b: Any, z: Any) -> None:
    """z (gates, m, units) = x W + b, for x (m, 1), W and b (gates, 1, units)."""
    for gate in range(z.shape[0]):
        for i in range(z.shape[1]):
            a = x[i, 0]
            for j in range(z.shape[2]):
                z[gate, i, j] = a * W[gate, 0, j] + b[gate, 0, j]
