from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.initializers._scaled import normal
from bpcli.initializers.base import Initializer
from bpcli.spec.base import Example


class GlorotNormal(Initializer):
    """W ~ N(0, σ²), σ = √(2 / (fan_in + fan_out)): keeps the variance of signals and gradients, on average.

    Meant for tanh and other functions of slope 1 at zero. Also called Xavier.
    A plain normal, as in PyTorch; Keras cuts its tails off at two standard deviations.
    Source: Glorot and Bengio, 2010.
    """

    type: Literal["glorot_normal"] = "glorot_normal"
    aliases: ClassVar = ("xavier_normal",)
    examples: ClassVar = (Example({}, (30, 20)),)

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        return normal(rng, shape, 2.0 / (fan_in + fan_out))
