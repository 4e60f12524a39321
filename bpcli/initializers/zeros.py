from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.initializers.base import Initializer
from bpcli.spec.base import Example


class Zeros(Initializer):
    """b = 0. Right for biases; for weights it makes all units of a layer learn the same thing."""

    type: Literal["zeros"] = "zeros"
    examples: ClassVar = (Example({}, (3, 4)),)

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        return np.zeros(shape)
