"""Fields that several augmentations have: a range to draw from, an amount in pixels, what lies outside."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from bpcli.data.augment.base import Array

if TYPE_CHECKING:
    from bpcli.core.rng import Draws


class Reader:
    """Reads [low, high] as a tuple, and says in one phrase what a field takes where a value is none."""

    def __init__(self, words: str, *, alone: bool = False, above: float | None = None) -> None:
        self.words, self.alone, self.above = words, alone, above

    def __call__(self, value: Any) -> Any:
        read = tuple(cast("list[Any]", value)) if isinstance(value, list) else value
        numbers: tuple[Any, ...] = read if isinstance(read, tuple) else (read,)
        fits = all(type(number) in (int, float) and isfinite(number) for number in numbers)
        if not fits or len(numbers) != 2 - (self.alone and not isinstance(read, tuple)):
            raise PydanticCustomError("range", "expected {words}", {"words": self.words})
        if len(numbers) == 2 and numbers[0] > numbers[1]:
            hint = f"[{numbers[1]:g}, {numbers[0]:g}], the lower end first"
            raise PydanticCustomError("range", "the range is empty", {"hint": hint})
        if self.above is not None and numbers[0] <= self.above:
            raise PydanticCustomError("range", "expected {words}", {"words": self.words})
        return tuple(map(float, numbers)) if isinstance(read, tuple) else read


#: Drawn evenly from [low, high]; one number m stands for [-m, m].
Range = Annotated[
    float | tuple[float, float],
    BeforeValidator(Reader("a number m, for -m to m, or [low, high]", alone=True)),
]
#: A factor, drawn evenly from [low, high].
Factor = Annotated[tuple[float, float], BeforeValidator(Reader("[low, high], both above 0", above=0.0))]
#: A whole number of pixels, or a share of the image's side.
Amount = Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0, lt=1)]
#: What is seen beyond the border.
Fill = Literal["edge", "reflect"] | float


def drawn(given: float | tuple[float, float], draws: Draws) -> Array:
    """One number (n,) of each sample from a Range or a Factor."""
    low, high = given if isinstance(given, tuple) else (-abs(given), abs(given))
    return draws.uniform(low, high)


def pixels(amount: int | float, side: int) -> int:
    """An amount in whole pixels of a side of this length."""
    return amount if isinstance(amount, int) else round(amount * side)


def padded(x: Array, above: int, below: int, left: int, right: int, fill: Any) -> Array:
    """x (n, h, w, c) with so many more pixels on each side."""
    around = ((0, 0), (above, below), (left, right), (0, 0))
    if isinstance(fill, str):
        return np.pad(x, around, mode="edge" if fill == "edge" else "reflect")
    return np.pad(x, around, constant_values=fill)


def windows(x: Array, top: Array, left: Array, size: tuple[int, int]) -> Array:
    """The part (n, height, width, c) of each image that begins at its own (top, left)."""
    n, h, w, c = x.shape
    rows = (top[:, None] + np.arange(size[0])) * w + np.arange(0, n * h * w, h * w)[:, None]
    columns = left[:, None] + np.arange(size[1])
    return x.reshape(n * h * w, c).take(rows[:, :, None] + columns[:, None, :], axis=0)
