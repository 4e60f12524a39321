"""How the parameters of a net lie in one vector: sorted into segments that are treated alike."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpcli.initializers.base import Initializer

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Param:
    """A trained array: where it is, how it starts, and how it is treated."""

    path: Path
    name: str
    shape: tuple[int, ...]
    init: Initializer
    fan_in: int
    fan_out: int
    decay: bool
    l1: float
    l2: float
    slice: slice = field(default_factory=lambda: slice(0, 0))
    #: The optimizer's group that it belongs to (-1: none), and whether it stays as it is.
    group: int = -1
    frozen: bool = False

    @property
    def treatment(self) -> tuple[bool, int, bool, float, float]:
        return (self.frozen, self.group, not self.decay, self.l1, self.l2)


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of the vector whose parameters are treated alike."""

    slice: slice
    decay: bool
    l1: float
    l2: float
    group: int = -1
    frozen: bool = False


def lay_out(declared: list[Param]) -> tuple[tuple[Param, ...], tuple[Segment, ...]]:
    placed: list[Param] = []
    segments: list[Segment] = []
    start = 0
    for param in sorted(declared, key=lambda param: param.treatment):  # stable: declared order within
        stop = start + prod(param.shape)
        if placed and placed[-1].treatment == param.treatment:
            segments[-1] = replace(segments[-1], slice=slice(segments[-1].slice.start, stop))
        else:
            where = slice(start, stop)
            segments.append(Segment(where, param.decay, param.l1, param.l2, param.group, param.frozen))
        placed.append(replace(param, slice=slice(start, stop)))
        start = stop
    return tuple(placed), tuple(segments)
