"""The exact gradient against the numerical one.

Two numerical derivatives: the complex step, Im f(x + ih) / h, which has no subtraction and so no rounding
error to speak of, where the function is smooth; and central differences, (f(x + h) - f(x - h)) / 2h, in
float64 where it is not, kept away from kinks: a derivative is believed only if two step sizes agree on it.
Whether it is believed never depends on the gradient that is being checked.

Sources: Squire and Trapp, 1998 (complex step); Gill, Murray and Wright, 1981 (differences).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[Any]
#: The loss as a function of one flat vector, in the vector's own dtype.
Function = Callable[[Vector], Any]

COMPLEX_STEP = 1e-20
#: Steps of central differences, longest first: each about a third of the one before; neighbours must agree.
STEPS = (1e-5, 3e-6, 1e-6, 3e-7, 1e-7)

#: Shares of the drawn directions that must have been compared: of one tensor, and of all together.
ENOUGH_OF_ONE = 0.5
ENOUGH = 0.95

#: Largest error allowed, relative to the gradient's scale, for each method.
TOLERANCE = {"complex step": 1e-10, "central differences": 1e-6}
#: A tensor's own scale counts down to this share of the net's: below it, rounding is all there is to see.
FLOOR = {"complex step": 1e-4, "central differences": 1e-2}


@dataclass(frozen=True, slots=True)
class Block:
    """A named piece of the flat vector that is checked and reported together."""

    layer: str
    name: str
    slice: slice


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found for one block. `scale` is the largest gradient in it, `error` is relative."""

    layer: str
    name: str
    drawn: int
    checked: int
    error: float
    scale: float
    method: str
    passed: bool
    reason: str | None

    @property
    def skipped(self) -> int:
        return self.drawn - self.checked


def complex_step(f: Function, x: Vector, direction: Vector) -> float:
    """The derivative of f at x along a direction, exact to rounding where f is analytic."""
    return f(x + 1j * COMPLEX_STEP * direction).imag / COMPLEX_STEP


def central_difference(f: Function, x: Vector, direction: Vector, h: float) -> float:
    """(f(x + h d) - f(x - h d)) / 2h."""
    return (f(x + h * direction) - f(x - h * direction)) / (2 * h)


def away_from_kinks(f: Function, x: Vector, direction: Vector, agree: float) -> float | None:
    """The central difference on which two neighbouring step sizes agree within `agree`; None at a kink.

    A kink within the step shows as two step sizes that disagree; one exactly at x, where central differences
    of every size agree on the mean of two slopes, as a gap between the slopes that does not shrink with h.
    """
    here = f(x)
    before = gap_before = np.inf
    for h in STEPS:
        above, below = f(x + h * direction), f(x - h * direction)
        now, gap = (above - below) / (2 * h), abs(above - 2 * here + below) / h
        if abs(now - before) <= agree and not (gap > agree and gap > 0.6 * gap_before):
            return before
        before, gap_before = now, gap
    return None


def directions(size: int, where: slice, count: int, rng: np.random.Generator) -> list[Vector]:
    """Up to `count` single coordinates of a block, and one random direction through all of it."""
    length = where.stop - where.start
    chosen = rng.permutation(length)[:count]
    found: list[Vector] = []
    for coordinate in chosen:
        d = np.zeros(size)
        d[where.start + coordinate] = 1.0
        found.append(d)
    if length > count:  # otherwise every coordinate has been drawn already
        d = np.zeros(size)
        d[where] = rng.standard_normal(length)
        found.append(d / np.sqrt(d @ d))
    return found


def check(
    f: Function,
    x: Vector,
    gradient: Vector,
    block: Block,
    *,
    smooth: bool,
    scale: float,
    count: int,
    rng: np.random.Generator,
) -> Verdict:
    """Compares `gradient` at x with numerical derivatives along drawn directions of one block.

    `scale` is the largest gradient of the whole net. The error is relative to the block's own scale, or to
    a small share of the net's where that is larger: a bias in front of batch normalisation has no gradient,
    and only rounding could be compared.
    """
    method = "complex step" if smooth else "central differences"
    own = float(np.abs(gradient[block.slice]).max(initial=0.0))
    unit = max(own, FLOOR[method] * scale) or 1.0
    worst, checked, drawn = 0.0, 0, directions(len(x), block.slice, count, rng)
    for d in drawn:
        found = complex_step(f, x, d) if smooth else away_from_kinks(f, x, d, 0.3 * TOLERANCE[method] * unit)
        if found is None:
            continue
        checked += 1
        error = abs(float(gradient @ d) - found) / unit
        worst = max(worst, error) if np.isfinite(error) else np.inf
    reason = None if checked == len(drawn) else "a kink within the step: two step sizes disagree"
    passed = worst <= TOLERANCE[method] and checked >= ENOUGH_OF_ONE * len(drawn)
    return Verdict(block.layer, block.name, len(drawn), checked, worst, own, method, passed, reason)
