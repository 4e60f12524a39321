"""A penalty on the weights: its value and its gradient from one call."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from bpcli.spec.base import Component


class Regularizer(Component):
    """R(w), added to the training loss; on weights, not on biases or norms. `val.loss` carries none."""

    smooth: ClassVar[bool] = True

    @abstractmethod
    def penalty(self, w: Any, ctx: Any) -> tuple[Any, Any]:
        """(R, dR/dw) for a flat slice of weights w (m,).

        R is a Python float, summed in float64, or complex under the complex step; the gradient (m,) is in
        w's dtype and lies in a buffer of ctx, valid until the next call.
        """
