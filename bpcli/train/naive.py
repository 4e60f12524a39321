"""The seasonal naive forecast as outputs of a net, so that every metric and loss can judge it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpcli.data.several import places

if TYPE_CHECKING:
    from bpcli.data.records import Target
    from bpcli.losses.base import Loss


def naive(loss: Loss, target: Target, values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Outputs (n, units) that stand for these values (n, d): what a loss would have said of their mean."""
    return np.array([loss.baseline(_with_means(target, row)) for row in values], dtype=dtype)


def _with_means(target: Target, row: NDArray[Any]) -> Target:
    if not target.parts:
        return replace(target, mean=tuple(row.tolist()))
    own = [_with_means(part, row[where]) for part, where in zip(target.parts, places(target), strict=True)]
    return replace(target, parts=tuple(own))
