"""Layers that make one array of several: what they share."""

from __future__ import annotations

from math import prod
from typing import ClassVar, Literal

from bpcli.core.store import Decl, is_several
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


class Merge(Layer):
    """Several inputs to one output: `from: [a, b]` in a sequential, or `merge` of a parallel."""

    several: ClassVar[bool] = True
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    by_pieces: ClassVar[bool] = True

    def build(self, shape: Shape, decl: Decl) -> Shape:
        if len(shape) < 2 or not all(isinstance(part, tuple) and not is_several(part) for part in shape):
            raise decl.error(
                f"{self.type} joins the outputs of several layers, and gets one",
                f"name them: {{type: {self.type}, from: [a, b]}}",
            )
        return self.joined(shape, decl)

    def joined(self, shapes: Shape, decl: Decl) -> Shape:
        """The shape that comes of these; for most merges all have to be the same."""
        if any(shape != shapes[0] for shape in shapes):
            told = ", ".join(map(str, shapes))
            raise decl.error(
                f"{self.type} needs equal shapes and gets {told}",
                "let the branches end in one shape, or use concatenate",
            )
        return shapes[0]


#: What the generic tests build of the merges that need equal shapes.
EQUAL: tuple[Example, ...] = (
    Example({}, ((3,), (3,))),
    Example({}, ((2, 3), (2, 3), (2, 3))),
)


def elementwise(shape: Shape, output: Shape) -> int:
    """One operation for each number and each input after the first."""
    return (len(shape) - 1) * prod(output)
