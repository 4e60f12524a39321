"""An optimizer: an update of one flat vector, in place."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from pydantic import NonNegativeFloat, PositiveFloat

from bpcli.spec.base import Component


class Optimizer(Component):
    """w <- w + step(g), over flat vectors that hold the whole net.

    `weight_decay` is decoupled from the gradient, w <- w (1 - rate·weight_decay), on weights and not on
    biases or norms (Loshchilov and Hutter, 2019); for decay inside the gradient use `regularize: [l2]`.
    """

    lr: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 0.0

    #: The vectors of w's size that it remembers, by name; they start at zero.
    slots: ClassVar[tuple[str, ...]] = ()

    def slot_names(self) -> tuple[str, ...]:
        """The slots that these fields need, in a fixed order."""
        return self.slots

    def prepare(self, s: dict[str, Any]) -> None:
        """Fills the slots before the first step of a run, where zero is not their start."""

    @abstractmethod
    def step(self, w: Any, g: Any, s: dict[str, Any], rate: float, t: int, ctx: Any) -> None:
        """Updates w and the slots s in place, given the gradient g, the rate, and t = 1, 2, …

        Scratch comes from `ctx.buf`; g may be overwritten.
        """
