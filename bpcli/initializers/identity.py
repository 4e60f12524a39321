from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bpcli.initializers.base import Initializer
from bpcli.spec.base import Example


class Identity(Initializer):
    """W = gain·I, the identity, with zeros beside it where W is not square: the signal goes through as it is.

    Of a convolution's (..., in, out) it is the filter's middle that is the identity; a vector is gain
    everywhere. For recurrent nets of rectifiers, and for deep nets that are to begin as if they were not
    there.
    Source: Le, Jaitly and Hinton, 2015.
    """

    type: Literal["identity"] = "identity"
    gain: float = Field(default=1.0, description="what the identity is multiplied by")
    aliases: ClassVar = ("eye",)
    examples: ClassVar = (Example({}, (30, 20)), Example({"gain": 0.5}, (3, 3, 4, 4)))

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        if len(shape) < 2:
            return np.full(shape, self.gain, np.float64)
        w = np.zeros(shape)
        middle = tuple((size - 1) // 2 for size in shape[:-2])
        w[middle] = self.gain * np.eye(shape[-2], shape[-1])
        return w
