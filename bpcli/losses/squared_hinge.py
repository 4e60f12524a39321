from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.losses._columns import row_mean
from bpcli.losses.base import Loss
from bpcli.spec.base import Example


class SquaredHinge(Loss):
    """l = 1/k Σⱼ max(0, 1 - sⱼ yⱼ)², with sⱼ = +1 for the true class and -1 for the others.

    Backward: dl/dy = -2 s max(0, 1 - s y) / k, which has no jump.
    Shapes: y (n, 1) and class indices (n,) for two classes, where s = +1 stands for the second label (k = 1);
    y (n, k) for k > 2 classes, each against the rest, as in Keras and in scikit-learn's LinearSVC. The
    outputs are margins, not logits of probabilities: predictions are the outputs, for two classes (-y, y).
    Source: Lee and Mangasarian, 2001; Tang, 2013.
    """

    type: Literal["squared_hinge"] = "squared_hinge"

    targets: ClassVar[tuple[str, ...]] = ("classes",)
    takes_logits: ClassVar[bool] = True
    gives_probabilities: ClassVar[bool] = False
    examples: ClassVar = (Example({}, (1,)), Example({}, (4,)))

    def units(self, target: Target) -> int:
        return 1 if target.width <= 2 else target.width

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        xp = ctx.xp
        dy = ctx.buf("dy", y.shape, y.dtype)
        if y.shape[1] == 1:
            dy[:, 0] = 2 * t - 1  # s
        else:
            dy[...] = -1
            dy[xp.arange(len(y)), t] = 1
        margin = 1 - dy * y
        margin *= real(margin) > 0
        losses = row_mean(margin * margin)
        margin *= -2 / y.shape[1]
        dy *= margin
        return losses, dy

    def predict(self, y: Any, xp: Any) -> Any:
        return y if y.shape[1] > 1 else xp.concatenate([-y, y], axis=1)

    def baseline(self, target: Target) -> list[float]:
        winner = int(np.argmax(target.counts))
        if self.units(target) == 1:
            return [1.0 if winner == 1 else -1.0]
        return [1.0 if label == winner else -1.0 for label in range(target.width)]
