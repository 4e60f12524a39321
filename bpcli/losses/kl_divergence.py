from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.errors import BuildError
from bpcli.losses._columns import refuse
from bpcli.losses.base import Loss, column_means
from bpcli.spec.base import Example


class KlDivergence(Loss):
    """l = Σₖ qₖ (log qₖ - log pₖ), with p = softmax(y): how far the net's distribution is from the target's.

    Backward: dl/dy = p Σₖ qₖ - q, as in `cross_entropy`, from which l differs by the target's entropy: it is
    0 where they agree.
    Shapes: y (n, k) logits and targets q (n, k), of which none may be negative; 0 log 0 is 0. PyTorch's
    kl_div takes log p instead of logits (and needs `reduction="batchmean"` to mean this); Keras takes p.
    Source: Kullback and Leibler, 1951.
    """

    type: Literal["kl_divergence"] = "kl_divergence"

    targets: ClassVar[tuple[str, ...]] = ("values",)
    takes_logits: ClassVar[bool] = True
    aliases: ClassVar = ("kl_div", "kld", "kullback_leibler")
    examples: ClassVar = (Example({}, (3,)), Example({}, (5,)))

    def units(self, target: Target) -> int:
        if target.width < 2:
            raise BuildError(
                "kl_divergence compares distributions, and one target column is none",
                ("loss",),
                "name a target column for each probability",
            )
        return target.width

    def check(self, y: Any, target: Target) -> None:
        refuse(self.type, target, y < 0, "negative", "check the columns, or remove data.target_transform")

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        xp = ctx.xp
        z = xp.subtract(y, real(y).max(axis=1, keepdims=True), out=ctx.buf("z", y.shape, y.dtype))
        p = xp.exp(z, out=ctx.buf("p", y.shape, y.dtype))
        total = p.sum(axis=1, keepdims=True)
        p /= total
        z -= xp.log(total)  # log p
        q = t.astype(y.dtype, copy=False)
        positive = real(q) > 0
        logs = xp.where(positive, xp.log(xp.where(positive, q, 1)), 0)
        losses = (q * (logs - z)).sum(axis=1)
        p *= q.sum(axis=1, keepdims=True)
        p -= q
        return losses, p

    def predict(self, y: Any, xp: Any) -> Any:
        p = xp.exp(y - y.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return p

    def baseline(self, target: Target) -> list[float]:
        return np.log(np.maximum(column_means(target), 1e-12)).tolist()
