from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.losses.base import Loss
from bpcli.spec.base import Example


class Hinge(Loss):
    """Two classes: l = max(0, 1 - s y), s = ±1. More: l = max(0, 1 + maxⱼ yⱼ - yₜ), j ≠ t.

    Backward: where l > 0, dl/dy = -s; or +1 at the strongest wrong class (the first, on a tie) and -1 at
    the true one. At the kink l = 0 it is 0.
    Shapes: y (n, 1) and class indices (n,) for two classes, where s = +1 stands for the second label; y
    (n, k) for k > 2 classes. The outputs are margins, not logits of probabilities: predictions are the
    outputs themselves, for two classes as (-y, y).
    Source: Cortes and Vapnik, 1995; several classes: Crammer and Singer, 2001.
    """

    type: Literal["hinge"] = "hinge"

    smooth: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("classes",)
    takes_logits: ClassVar[bool] = True
    gives_probabilities: ClassVar[bool] = False
    aliases: ClassVar = ("categorical_hinge", "multi_margin")
    examples: ClassVar = (Example({}, (1,)), Example({}, (4,)))

    def units(self, target: Target) -> int:
        return 1 if target.width <= 2 else target.width

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        xp = ctx.xp
        dy = ctx.buf("dy", y.shape, y.dtype)
        if y.shape[1] == 1:
            dy[:, 0] = 1 - 2 * t  # -s
            margin = 1 + dy[:, 0] * y[:, 0]
            lost = real(margin) > 0
            dy *= lost[:, None]
            return xp.where(lost, margin, 0), dy
        row = xp.arange(len(y))
        others = real(y).copy()
        others[row, t] = -np.inf
        rival = others.argmax(axis=1)
        margin = 1 + y[row, rival] - y[row, t]
        lost = real(margin) > 0
        dy[...] = 0
        dy[row, rival] = lost
        dy[row, t] = -1 * lost
        return xp.where(lost, margin, 0), dy

    def predict(self, y: Any, xp: Any) -> Any:
        return y if y.shape[1] > 1 else xp.concatenate([-y, y], axis=1)

    def baseline(self, target: Target) -> list[float]:
        winner = int(np.argmax(target.counts))
        if self.units(target) == 1:
            return [1.0 if winner == 1 else -1.0]
        return [float(label == winner) for label in range(target.width)]
