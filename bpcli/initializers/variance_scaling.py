from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat

from bpcli.initializers._scaled import normal, uniform
from bpcli.initializers.base import Initializer
from bpcli.initializers.truncated_normal import TruncatedNormal
from bpcli.spec.base import Example

_CUT = 0.8796256610342398  # the standard deviation of a normal that is cut off at two of its own


class VarianceScaling(Initializer):
    """W with mean 0 and variance scale / n, where n is fan_in, fan_out or their mean (`mode`).

    `distribution`: `normal`, `uniform`, or `truncated_normal` (none beyond two standard deviations, made
    wider so that the variance stays, as in Keras). With scale 1 and fan_avg it is glorot, with 2 and fan_in
    he, with 1 and fan_in lecun.
    Source: He, Zhang, Ren and Sun, 2015; Glorot and Bengio, 2010.
    """

    type: Literal["variance_scaling"] = "variance_scaling"
    scale: PositiveFloat = 1.0
    mode: Literal["fan_in", "fan_out", "fan_avg"] = "fan_in"
    distribution: Literal["normal", "uniform", "truncated_normal"] = "truncated_normal"
    examples: ClassVar = (
        Example({}, (30, 20)),
        Example({"scale": 2.0, "mode": "fan_out", "distribution": "normal"}, (30, 20)),
        Example({"mode": "fan_avg", "distribution": "uniform"}, (4, 5, 30)),
    )

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / n
        if self.distribution == "truncated_normal":
            return TruncatedNormal(std=variance**0.5 / _CUT).draw(rng, shape, fan_in, fan_out)
        return (normal if self.distribution == "normal" else uniform)(rng, shape, variance)
