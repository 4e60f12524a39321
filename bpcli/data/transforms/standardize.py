"""Mean 0, deviation 1."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bpcli.data.transforms._affine import Affine, portions
from bpcli.spec.base import Example


class Standardize(Affine):
    """y = (x - μ) / σ, with mean and standard deviation (of the population) of the training part.

    A constant column becomes 0. Missing numbers stay missing and do not count. On an array column the
    statistics are over all elements, with `per: channel` over each place on the last axis (of images
    (h, w, c) over each colour), or with `per: element` over the rows at each position.
    """

    type: Literal["standardize"] = "standardize"

    examples: ClassVar = (Example({}), Example({"per": "channel"}), Example({"per": "element"}))

    def learn(self, values: NDArray[Any], axis: int | None) -> tuple[Any, Any]:
        present = values[~np.isnan(values)] if values.ndim == 1 else values  # only number columns have gaps
        low = present.min(axis=axis)
        constant = low == present.max(axis=axis)
        mean = present.sum(axis=axis, dtype=np.float64) / (present.size if axis is None else len(present))
        mean = np.where(constant, low, mean)  # exactly: a mean of many 0.1 is not 0.1
        # A second pass, since E[x²] - E[x]² loses everything where the mean is large.
        square = sum(np.square(part - mean).sum(axis=axis) for part in portions(present))
        deviation = np.sqrt(square / (present.size if axis is None else len(present)))
        return mean, np.where(constant, 0.0, deviation)
