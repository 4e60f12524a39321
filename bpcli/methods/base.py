"""A method: how gradients arise."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from bpcli.spec.base import Component

if TYPE_CHECKING:
    from bpcli.core.ctx import Ctx
    from bpcli.data.records import Batch
    from bpcli.train.model import Model


class Method(Component):
    """Fills the gradient vector for one batch; optimizers, callbacks and checkpoints are shared."""

    @abstractmethod
    def gradient(self, model: Model, batch: Batch, norm: float, ctx: Ctx) -> tuple[Any, Any]:
        """(loss value, outputs); every slot of the model's gradient has been written."""
