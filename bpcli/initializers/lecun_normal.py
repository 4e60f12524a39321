from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.initializers._scaled import normal
from bpcli.initializers.base import Initializer
from bpcli.spec.base import Example


class LecunNormal(Initializer):
    """W ~ N(0, σ²), σ = √(1 / fan_in): a unit's input has the variance of one of its sources.

    Meant for selu, and for tanh.
    A plain normal, as in PyTorch; Keras cuts its tails off at two standard deviations.
    Source: LeCun, Bottou, Orr and Müller, 1998 ("Efficient BackProp").
    """

    type: Literal["lecun_normal"] = "lecun_normal"
    examples: ClassVar = (Example({}, (30, 20)),)

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        return normal(rng, shape, 1.0 / fan_in)
