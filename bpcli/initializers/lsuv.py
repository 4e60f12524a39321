from __future__ import annotations

from collections.abc import Callable
from math import isfinite, sqrt
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt

from bpcli.initializers.base import Initializer
from bpcli.initializers.orthogonal import Orthogonal
from bpcli.spec.base import Example


class Lsuv(Initializer):
    """W <- W / √Var(z), from an orthogonal W on: layer by layer, until z = x W + b has variance 1.

    The variance is that of all numbers that the layer gives, before its activation, for the first batch of
    training; the layers before it have been scaled by then. For `init` of layers with weights W (dense,
    convolutions); in separable_conv2d W alone is scaled, and the other kernel stays orthogonal. Weights that
    come from another run stay as they are. Without a bias one step is enough.
    Source: Mishkin and Matas, 2016 ("All you need is a good init"), with a tolerance of .1.
    """

    type: Literal["lsuv"] = "lsuv"
    tolerance: PositiveFloat = Field(default=0.01, description="how far from 1 the variance may be")
    trials: PositiveInt = Field(default=10, description="steps at most")

    data_driven: ClassVar[bool] = True
    examples: ClassVar = (Example({}, (30, 20)), Example({"tolerance": 0.1, "trials": 3}, (4, 5, 30)))

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        return Orthogonal().draw(rng, shape, fan_in, fan_out)

    def settle(self, W: Any, output: Callable[[], Any]) -> str | None:
        z = output()
        spread, level = _spread(z), abs(float(z.mean(dtype="float64")))
        if not isfinite(spread) or spread <= 100 * float(np.finfo(z.dtype).eps) * level:
            return "the outputs for the first batch are all the same, so the weights stay as they were drawn"
        for _ in range(self.trials):
            if abs(spread**2 - 1) <= self.tolerance:
                return None
            W *= 1.0 / spread
            spread = _spread(output())
        if abs(spread**2 - 1) <= self.tolerance:
            return None
        return f"after {self.trials} steps the outputs have variance {spread**2:.3g}"


def _spread(z: Any) -> float:
    """The standard deviation of all numbers."""
    return sqrt(float(z.var(dtype="float64")))
