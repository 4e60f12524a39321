from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.initializers.base import Initializer
from bpcli.spec.base import Example


class Ones(Initializer):
    """b = 1. Right for the scale of a norm, which then changes nothing at first."""

    type: Literal["ones"] = "ones"
    examples: ClassVar = (Example({}, (3, 4)),)

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        return np.ones(shape)
