from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.initializers._scaled import uniform
from bpcli.initializers.base import Initializer
from bpcli.spec.base import Example


class HeUniform(Initializer):
    """W ~ U(-a, a), a = √(6 / fan_in): keeps the signal's size through relu, which drops half of it.

    Meant for relu and its kin. Also called Kaiming.
    Source: He, Zhang, Ren and Sun, 2015.
    """

    type: Literal["he_uniform"] = "he_uniform"
    aliases: ClassVar = ("kaiming_uniform",)
    examples: ClassVar = (Example({}, (30, 20)),)

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        return uniform(rng, shape, 2.0 / fan_in)
