from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.initializers._scaled import normal
from bpcli.initializers.base import Initializer
from bpcli.spec.base import Example


class HeNormal(Initializer):
    """W ~ N(0, σ²), σ = √(2 / fan_in): keeps the signal's size through relu, which drops half of it.

    Meant for relu and its kin. Also called Kaiming.
    A plain normal, as in PyTorch; Keras cuts its tails off at two standard deviations.
    Source: He, Zhang, Ren and Sun, 2015.
    """

    type: Literal["he_normal"] = "he_normal"
    aliases: ClassVar = ("kaiming_normal",)
    examples: ClassVar = (Example({}, (30, 20)),)

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        return normal(rng, shape, 2.0 / fan_in)
