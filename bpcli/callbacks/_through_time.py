"""How large the gradient is at each step of the sequences that recurrent layers read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from math import sqrt
from typing import Any

#: layer -> of each step of the sequences (the sum over what was recorded, how often there was such a step).
Sums = dict[str, list[list[float]]]


class Squares:
    """‖dz_t‖² of one update, by layer: it is called by every recurrent layer in every backward pass.

    The micro-batches of an update, each a part of one mean, add up: their rows are different ones.
    """

    def __init__(self) -> None:
        self.found: dict[str, list[float]] = {}

    def __call__(self, path: tuple[str, ...], dz: Any) -> None:
        """In float64: the squares of a vanishing gradient are too small for float32."""
        wide = dz.reshape(len(dz), -1).astype("float64")
        wide *= wide
        layer = ".".join(path[1:])  # below `net`
        before = self.found.get(layer, [])
        self.found[layer] = [a + b for a, b in zip_longest(before, wide.sum(axis=1).tolist(), fillvalue=0.0)]

    def norms(self, layers: Sequence[str]) -> dict[str, list[float]]:
        """‖dz_t‖ of those among these layers that are recurrent."""
        return {layer: list(map(sqrt, self.found[layer])) for layer in layers if layer in self.found}


def add(sums: Sums, norms: Mapping[str, Sequence[float]]) -> None:
    """Counts norms in, step by step; sequences may be longer than those before."""
    for layer, values in norms.items():
        known = sums.setdefault(layer, [])
        known += [[0.0, 0] for _ in range(len(values) - len(known))]
        for pair, value in zip(known, values, strict=False):
            pair[0] += value
            pair[1] += 1


def means(sums: Sums, layers: Sequence[str]) -> dict[str, list[float]]:
    """The mean of each step over the updates that had it."""
    return {layer: [total / count for total, count in sums[layer]] for layer in layers if layer in sums}
