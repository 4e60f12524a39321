"""The maximum along an axis, and where its gradient goes."""

from __future__ import annotations

from typing import Any, ClassVar

from bpcli.core.ctx import Ctx
from bpcli.core.windows import Axis
from bpcli.layers._pool import Pool, fold, in_tiles, is_partition


class MaxPool(Pool):
    """y = the largest value of each window; its gradient goes to the first value that is as large."""

    smooth: ClassVar[bool] = False

    def pool(self, x: Any, y: Any, axis: Axis, ctx: Ctx) -> None:
        xp = ctx.xp
        in_tiles(lambda y, x: fold(x, y, axis, xp.maximum, -xp.inf), (y, x), 0, ctx)

    def unpool(self, x: Any, y: Any, dy: Any, dx: Any, axis: Axis, ctx: Ctx) -> None:
        xp, alone = ctx.xp, is_partition(axis)
        pairs = [axis.pairs(tap) for tap in range(axis.kernel)]

        def route(dy: Any, dx: Any, x: Any, y: Any, left: Any, share: Any) -> None:
            left[...] = dy  # what no tap has taken yet
            if not alone:
                dx[...] = 0
            for tap, (some, values) in enumerate(pairs):
                taken = share[:, :, some]
                if tap == axis.kernel - 1:
                    taken = left[:, :, some]
                else:
                    xp.multiply(left[:, :, some], x[:, :, values] == y[:, :, some], out=taken)
                    left[:, :, some] -= taken
                if alone:
                    dx[:, :, values] = taken
                else:
                    dx[:, :, values] += taken

        in_tiles(route, (dy, dx, x, y), 2, ctx)
