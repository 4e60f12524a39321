from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from bpcli.core.ctx import Ctx
from bpcli.data.records import Batch
from bpcli.methods.base import Method
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.train.model import Model


class Supervised(Method):
    """y = net(x), L = loss(y, target) and what layers add to it, and dL/dw by backpropagation.

    Source: Rumelhart, Hinton and Williams, 1986.
    """

    type: Literal["supervised"] = "supervised"
    examples: ClassVar = (Example({}),)

    def gradient(self, model: Model, batch: Batch, norm: float, ctx: Ctx) -> tuple[Any, Any]:
        ctx.shared.take_penalty()  # passes without a gradient may have left some
        y = model.outputs(batch.x, ctx)  # down the tree
        value, dy = model.loss(y, batch, norm, ctx.child("loss"))  # one call, both
        model.net.backward(model.p, model.g, dy, ctx.child("net"))  # up the tree, writing g
        model.store.gather()
        return value + ctx.shared.take_penalty(), y
