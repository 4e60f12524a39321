from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.initializers.base import Initializer
from bpcli.spec.base import Example


class Constant(Initializer):
    """b = value, the same for all. Meant for biases that should start away from zero."""

    type: Literal["constant"] = "constant"
    value: float
    examples: ClassVar = (Example({"value": 0.5}, (3, 4)),)

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        return np.full(shape, self.value, np.float64)
