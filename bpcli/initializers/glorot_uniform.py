from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.initializers.base import Initializer
from bpcli.spec.base import Example


class GlorotUniform(Initializer):
    """W ~ U(-a, a), a = √(6 / (fan_in + fan_out)): keeps the variance of signals and gradients, on average.

    Meant for tanh and other functions of slope 1 at zero. Also called Xavier.
    Source: Glorot and Bengio, 2010.
    """

    type: Literal["glorot_uniform"] = "glorot_uniform"
    aliases: ClassVar = ("xavier_uniform",)
    examples: ClassVar = (Example({}, (30, 20)),)

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        a = (6.0 / (fan_in + fan_out)) ** 0.5
        return rng.uniform(-a, a, shape)
