from __future__ import annotations

from math import prod
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from bpcli.initializers.base import Initializer
from bpcli.spec.base import Example


class Orthogonal(Initializer):
    """W = gain·Q, Q with orthonormal rows or columns (whichever are fewer): W keeps the length of signals.

    All axes but the last count as rows. Q is drawn evenly among all such matrices: the QR factor of a
    normal matrix, its signs set by the diagonal of R (Mezzadri, 2007).
    Source: Saxe, McClelland and Ganguli, 2014.
    """

    type: Literal["orthogonal"] = "orthogonal"
    gain: PositiveFloat = Field(default=1.0, description="the length that a unit vector gets")
    examples: ClassVar = (Example({}, (30, 20)), Example({"gain": 2.0}, (4, 5, 30)))

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        rows, columns = prod(shape[:-1]), shape[-1]
        tall = rng.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall)
        q *= np.where(np.diag(r) < 0, -1.0, 1.0)
        return self.gain * (q if rows >= columns else q.T).reshape(shape)
