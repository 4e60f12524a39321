from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from bpcli.regularizers.base import Constraint
from bpcli.spec.base import Example


class MaxNorm(Constraint):
    """After each step: wⱼ <- wⱼ min(1, limit / ‖wⱼ‖), for the incoming weights wⱼ of every unit j.

    A unit's weights are those along all axes of an array but the last: W[:, j] of a dense layer, a whole
    filter of a convolution. Biases and norms are left alone. Goes well with dropout and a high rate.
    Source: Srebro, Rennie and Jaakkola, 2005; Srivastava et al., 2014.
    """

    type: Literal["max_norm"] = "max_norm"
    limit: PositiveFloat = Field(default=3.0, description="the longest that a unit's weights may get")

    examples: ClassVar = (Example({}, (3, 2)), Example({"limit": 0.5}, (2, 3, 4)))

    def project(self, w: Any, ctx: Any) -> None:
        xp = ctx.xp
        columns = w.reshape(-1, w.shape[-1])
        length = xp.sqrt(xp.einsum("ij,ij->j", columns, columns))
        columns *= self.limit / xp.maximum(length, self.limit)
