"""Smallest to low, largest to high."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from bpcli.data.transforms._affine import Affine
from bpcli.spec.base import Example


class MinMax(Affine):
    """y = low + (high - low) (x - min) / (max - min), with the extremes of the training part.

    New values beyond these extremes go beyond low and high. A constant column becomes `low`. Missing numbers
    stay missing. On an array column the extremes are over all elements, with `per: channel` over each place
    on the last axis (of images (h, w, c) over each colour), or with `per: element` over the rows at each
    position.
    """

    type: Literal["min_max"] = "min_max"
    low: float = 0.0
    high: float = 1.0

    examples: ClassVar = (Example({}), Example({"low": -1.0, "high": 1.0}))

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.low < self.high:
            raise PydanticCustomError("range", "low must be below high", {"hint": "the defaults are 0 and 1"})
        return self

    def onto(self) -> tuple[float, float]:
        return self.high - self.low, self.low

    def learn(self, values: NDArray[Any], axis: int | None) -> tuple[Any, Any]:
        low = np.nanmin(values, axis=axis).astype(np.float64)
        return low, np.nanmax(values, axis=axis).astype(np.float64) - low
