"""The logistic function, shared by sigmoid and silu."""

from __future__ import annotations

from typing import Any


def logistic(x: Any, out: Any, xp: Any) -> Any:
    """σ(x) = 1 / (1 + e⁻ˣ) = ½ + ½ tanh(x/2), written into out (which may be x).

    Through tanh it takes one transcendental pass, in place, and overflows for no x.
    """
    xp.multiply(x, 0.5, out=out)
    xp.tanh(out, out=out)
    out *= 0.5
    out += 0.5
    return out
