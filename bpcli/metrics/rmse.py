from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from bpcli.metrics._regression import ColumnError, Floats
from bpcli.spec.base import Example


class Rmse(ColumnError):
    """√(1/n Σ (y - t)²), the root of the mean squared error; of several columns, the mean of their roots.

    In the units of the target as the data has it, also under a `target_transform`.
    """

    type: Literal["rmse"] = "rmse"
    aliases: ClassVar = ("root_mean_squared_error",)
    examples: ClassVar = (Example({}),)

    def errors(self, difference: Floats) -> Floats:
        return np.square(difference)

    def finish(self, means: Floats) -> Floats:
        return np.sqrt(means)
