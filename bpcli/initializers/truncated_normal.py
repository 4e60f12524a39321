from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat

from bpcli.initializers.base import Initializer
from bpcli.spec.base import Example


class TruncatedNormal(Initializer):
    """W ~ N(mean, std²), drawn again where it lies more than two standard deviations from the mean.

    `std` is that of the normal before the cut; what is left has 0.88 of it.
    """

    type: Literal["truncated_normal"] = "truncated_normal"
    mean: float = 0.0
    std: NonNegativeFloat = Field(default=0.05, description="the standard deviation before the cut")
    examples: ClassVar = (Example({}, (30, 20)), Example({"mean": 1.0, "std": 0.2}, (30, 20)))

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        z = rng.standard_normal(shape)
        while (outside := np.abs(z) > 2.0).any():
            z[outside] = rng.standard_normal(int(outside.sum()))
        return self.mean + self.std * z
