"""An optimizer: an update of one flat vector, in place."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator
from pydantic_core import PydanticCustomError

from bpcli.spec.base import Component, Many, Strict


class Group(Strict):
    """Parameters that are treated in a way of their own: those whose names match a pattern.

    `match: dense1.*` are all of one layer, as is `dense1`; `*.b` all biases; * stands for any text. Of
    several groups that match a parameter the first counts.
    """

    match: Annotated[str, Field(min_length=1)]
    lr: PositiveFloat | None = Field(
        default=None, description="this group's rate; the schedule treats it as it does the optimizer's"
    )
    weight_decay: NonNegativeFloat | None = Field(default=None, description="in place of the optimizer's")
    frozen: bool = Field(default=False, description="these parameters stay as they are")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        changed = self.lr is not None or self.weight_decay is not None
        if changed == self.frozen:
            raise PydanticCustomError(
                "group",
                "frozen parameters have no lr and no weight_decay"
                if changed
                else "the group changes nothing",
                {"hint": "give it lr or weight_decay, or frozen: true"},
            )
        return self


class Optimizer(Component):
    """w <- w + step(g), over flat vectors that hold the whole net.

    `weight_decay` is decoupled from the gradient, w <- w (1 - rate·weight_decay), on weights and not on
    biases or norms (Loshchilov and Hutter, 2019); for decay inside the gradient use `regularize: [l2]`.
    """

    lr: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 0.0
    groups: Many[Group] = Field(
        default=(), description="other rates for parameters by the pattern of their names, or none: frozen"
    )

    #: The vectors of w's size that it remembers, by name; they start at zero.
    slots: ClassVar[tuple[str, ...]] = ()
    #: What the step of a weight depends on: its own gradients, those of its array, or those of the whole net.
    #: `step` sees one array at a time for "array"; "net" allows no groups but frozen ones.
    scope: ClassVar[Literal["weight", "array", "net"]] = "weight"

    def slot_names(self) -> tuple[str, ...]:
        """The slots that these fields need, in a fixed order."""
        return self.slots

    def by_kernel(self, backend: Any, dtype: Any) -> bool:
        """Whether `step` goes over its vectors in a compiled kernel, which shares them among the threads."""
        return False

    def prepare(self, s: dict[str, Any]) -> None:
        """Fills the slots before the first step of a run, where zero is not their start."""

    @abstractmethod
    def step(self, w: Any, g: Any, s: dict[str, Any], rate: float, t: int, ctx: Any) -> None:
        """Updates w and the slots s in place, given the gradient g, the rate, and t = 1, 2, …

        Scratch comes from `ctx.buf`; g may be overwritten.
        """

    #: Whether `search` is to be called after each step; every step must then see all training rows.
    searches: ClassVar[bool] = False

    def search(self, w: Any, s: dict[str, Any], before: float, loss: Callable[[], float], ctx: Any) -> None:
        """After `step`: may take w back part of the way, given the loss before it and a way to get it now."""
