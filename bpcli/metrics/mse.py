from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from bpcli.metrics._regression import ColumnError, Floats
from bpcli.spec.base import Example


class Mse(ColumnError):
    """1/n Σ (y - t)², the mean squared error; of several columns, the mean.

    In the units of the target as the data has it, also under a `target_transform`.
    """

    type: Literal["mse"] = "mse"
    aliases: ClassVar = ("mean_squared_error",)
    examples: ClassVar = (Example({}),)

    def errors(self, difference: Floats) -> Floats:
        return np.square(difference)
