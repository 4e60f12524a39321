from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import PositiveFloat

from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.losses._columns import difference, row_mean
from bpcli.losses.base import Loss, column_means
from bpcli.spec.base import Example


class Huber(Loss):
    """l = 1/d Σⱼ h(yⱼ - tⱼ), with h(e) = ½e² where |e| ≤ δ, else δ (|e| - ½δ).

    Backward: dl/dy = clip(y - t, -δ, δ) / d.
    Shapes: y and the target's values (n, d). `delta` is δ, in the units that the net sees (after a
    `target_transform`): errors beyond it count linearly, as in `mae`.
    Source: Huber, 1964.
    """

    type: Literal["huber"] = "huber"
    delta: PositiveFloat = 1.0

    targets: ClassVar[tuple[str, ...]] = ("values",)
    gives_probabilities: ClassVar[bool] = False
    examples: ClassVar = (Example({}, (3,)), Example({"delta": 0.3}, (1,)))

    def units(self, target: Target) -> int:
        return target.width

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        xp, delta = ctx.xp, self.delta
        e = difference(y, t, ctx)
        dy = ctx.buf("dy", y.shape, y.dtype)  # c = clip(e, -δ, δ): then h = c (e - ½c) on both sides of δ
        dy[...] = e
        xp.copyto(dy, delta, where=real(e) > delta)
        xp.copyto(dy, -delta, where=real(e) < -delta)
        losses = row_mean(dy * (e - 0.5 * dy))
        dy *= len(dy) / dy.size
        return losses, dy

    def baseline(self, target: Target) -> list[float]:
        return column_means(target)
