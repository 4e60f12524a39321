from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from bpcli.metrics._regression import ColumnError, Floats
from bpcli.spec.base import Example


class Mae(ColumnError):
    """1/n Σ |y - t|, the mean absolute error; of several columns, the mean.

    In the units of the target as the data has it, also under a `target_transform`.
    """

    type: Literal["mae"] = "mae"
    aliases: ClassVar = ("mean_absolute_error",)
    examples: ClassVar = (Example({}),)

    def errors(self, difference: Floats) -> Floats:
        return np.abs(difference)
