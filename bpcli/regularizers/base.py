"""What keeps weights small: a penalty in the training loss, or a constraint after each step."""

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


class Constraint(Regularizer):
    """Weights are brought back after each step of the optimizer; the loss and its gradient carry nothing."""

    def penalty(self, w: Any, ctx: Any) -> tuple[Any, Any]:
        """No penalty: (0, zeros)."""
        g = ctx.buf("g", w.shape, w.dtype)
        g.fill(0)
        return 0.0, g

    @abstractmethod
    def project(self, w: Any, ctx: Any) -> None:
        """Brings one weight array (..., units) back into what is allowed, in place."""
