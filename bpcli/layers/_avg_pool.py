"""The mean along an axis, and how its gradient is shared out."""

from __future__ import annotations

from typing import Any, ClassVar

from bpcli.core.ctx import Ctx
from bpcli.core.windows import Axis
from bpcli.layers._pool import Pool, counts, fold, in_tiles, is_partition


class AvgPool(Pool):
    """y = the mean of each window; its gradient goes to all its values alike."""

    count_include_pad: bool = False
    smooth: ClassVar[bool] = True

    def pool(self, x: Any, y: Any, axis: Axis, ctx: Ctx) -> None:
        xp, weight = ctx.xp, self._weight(axis, x, ctx)

        def mean(y: Any, x: Any) -> None:
            fold(x, y, axis, xp.add, 0.0)
            y *= weight

        in_tiles(mean, (y, x), 0, ctx)

    def unpool(self, x: Any, y: Any, dy: Any, dx: Any, axis: Axis, ctx: Ctx) -> None:
        xp, weight, alone = ctx.xp, self._weight(axis, x, ctx), is_partition(axis)

        def share_out(dy: Any, dx: Any, share: Any) -> None:
            xp.multiply(dy, weight, out=share)
            if not alone:
                dx[...] = 0
            for tap in range(axis.kernel):
                some, values = axis.pairs(tap)
                if alone:
                    dx[:, :, values] = share[:, :, some]
                else:
                    dx[:, :, values] += share[:, :, some]

        in_tiles(share_out, (dy, dx), 1, ctx)

    def _weight(self, axis: Axis, x: Any, ctx: Ctx) -> Any:
        """One over the number of values of a window, or of each window (out, 1) where they differ."""
        number = counts(axis)
        if self.count_include_pad or (number == axis.kernel).all():
            return 1.0 / axis.kernel
        return ctx.shared.backend.asarray((1.0 / number)[:, None].astype(x.dtype))
