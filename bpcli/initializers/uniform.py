from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from bpcli.initializers.base import Initializer
from bpcli.spec.base import Example


class Uniform(Initializer):
    """W ~ U(low, high), whatever the layer's width."""

    type: Literal["uniform"] = "uniform"
    low: float = -0.05
    high: float = 0.05
    examples: ClassVar = (Example({}, (30, 20)), Example({"low": 0.0, "high": 2.0}, (30, 20)))

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise PydanticCustomError(
                "range", "low is above high", {"hint": f"swap them: low: {self.high:g}, high: {self.low:g}"}
            )
        return self

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        return rng.uniform(self.low, self.high, shape)
