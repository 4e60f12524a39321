from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat

from bpcli.initializers.base import Initializer
from bpcli.spec.base import Example


class Normal(Initializer):
    """W ~ N(mean, std²), whatever the layer's width."""

    type: Literal["normal"] = "normal"
    mean: float = 0.0
    std: NonNegativeFloat = Field(default=0.05, description="the standard deviation")
    examples: ClassVar = (Example({}, (30, 20)), Example({"mean": 1.0, "std": 0.2}, (30, 20)))

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        return rng.normal(self.mean, self.std, shape)
