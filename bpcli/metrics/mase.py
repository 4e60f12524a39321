from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from bpcli.data.records import Target
from bpcli.errors import ConfigError
from bpcli.metrics._regression import ColumnError, Floats
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.losses.base import Loss


class Mase(ColumnError):
    """1/n Σ |y - t| / s, s the mean of |tᵢ - tᵢ₋ₘ| over the training part; of several columns, the mean.

    The mean absolute error in units of what the seasonal naive forecast, the value of m steps before, errs by
    one season ahead: below 1 is better than that. m is `data.source.season`, and s is learnt on the training
    part alone, and the same for every step of the horizon. For series only. Undefined (null) where the
    training part is no longer than a season, or repeats itself exactly.
    Source: Hyndman and Koehler, 2006.
    """

    type: Literal["mase"] = "mase"
    aliases: ClassVar = ("mean_absolute_scaled_error",)
    examples: ClassVar = (Example({}),)

    def check(self, target: Target, loss: Loss) -> None:
        if not target.scale:
            raise ConfigError(
                "mase compares with the seasonal naive forecast of a series, and this data is none",
                hint="use mae, or a source of type series",
            )

    def errors(self, difference: Floats) -> Floats:
        return np.abs(difference)

    def value(self, sums: Floats, target: Target) -> float:
        if not sums[-1] or not all(target.scale):
            return float("nan")
        return float((sums[:-1] / sums[-1] / np.asarray(target.scale)).mean())
