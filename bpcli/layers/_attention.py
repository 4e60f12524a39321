"""softmax(q kᵀ) v for many sequences and heads at once, its gradients, and who may look where.

Arrays are (n, heads, steps, width) and may be views: each matrix of the last two axes goes to BLAS
as it lies.
"""

from __future__ import annotations

from math import inf
from typing import Any, ClassVar, Literal

from pydantic import Field

from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree, is_several
from bpcli.errors import UsageError
from bpcli.layers._decoding import goes_on, remembered
from bpcli.layers.base import Layer, Shape
from bpcli.layers.dropout import Dropout

_NOTHING = Tree()


class Attends(Layer):
    """Looks from the steps of one sequence at those of another, or of its own."""

    causal: bool = Field(
        default=False, description="whether step t sees the steps up to t alone, none that come later"
    )

    several: ClassVar[bool] = True
    looks_at_others: ClassVar[bool] = True
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"

    @property
    def by_pieces(self) -> bool:
        return self.causal

    def sequences(self, shape: Shape, decl: Decl) -> tuple[Shape, ...]:
        """The shape (t, c) of each input. The mask of what comes out is that of the first, the query."""
        shapes = shape if is_several(shape) else (shape,)
        if len(shapes) > 3 or any(len(each) != 2 for each in shapes):
            told = ", ".join(map(str, shapes))
            raise decl.error(
                f"{self.type} takes sequences of vectors (steps, features), the query, the key if it is not "
                f"the value, and the value, and gets {told}",
                "name them: from: [query, value] or [query, key, value]",
            )
        if len(shapes) == 3 and shapes[1][0] != shapes[2][0]:
            raise decl.error(
                f"each key belongs to one value, but the keys have {shapes[1][0]} steps and the values "
                f"{shapes[2][0]}",
                "take both from sequences of one length",
                "from",
            )
        if len(shapes) > 1 and decl.plan.masked:
            if len(decl.plan.masked_each) != len(shapes):
                raise decl.error(
                    f"{self.type} cannot tell which of its {len(shapes)} inputs is masked",
                    "name them: from: [query, value]",
                )
            decl.plan.masked = decl.plan.masked_each[0]
        return shapes

    def begin(self, x: Any, ctx: Ctx) -> tuple[tuple[Any, ...], Any]:
        """The inputs, and the mask (n, s) of the keys, or None."""
        xs = x if isinstance(x, tuple) else (x,)
        mask = _mask_of_keys(len(xs), ctx)
        if ctx.shared.decoding is None:
            return xs, mask
        if not self.causal:
            if len(xs) == 1 or xs[0] is xs[1]:
                raise UsageError(
                    f"{self.type} without causal sees the steps to come, so it cannot go on step by step",
                    hint="train it with causal: true",
                )
            return xs, mask  # what is looked at stands by itself, and comes whole
        goes_on(xs[0], ctx)
        if mask is None:
            mask = ctx.xp.ones(xs[-1].shape[:2], bool)
        return xs, remembered("mask", mask, ctx)

    def hidden(self, t: int, s: int, mask: Any, ctx: Ctx) -> Any:
        """True (n or 1, 1, t or 1, s) where a query must not look, or None where it may look everywhere."""
        xp, seen = ctx.xp, ctx.shared.decoding or 0
        later = None
        if self.causal and s > seen + 1:
            now = xp.arange(seen, seen + t)[:, None]
            later = xp.greater(xp.arange(s), now, out=ctx.buf("later", (t, s), bool))[None, None]
        if mask is None:
            return later
        absent = xp.logical_not(mask, out=ctx.buf("absent", mask.shape, bool))[:, None, None]
        if later is None:
            return absent
        return xp.logical_or(absent, later, out=ctx.buf("hidden", (len(mask), 1, t, s), bool))


def _mask_of_keys(count: int, ctx: Ctx) -> Any:
    if count == 1:
        return ctx.mask
    masks = ctx.masks or (None,) * count
    ctx.mask = masks[0]
    present = [mask for mask in masks[1:] if mask is not None]
    if len(present) < 2:
        return present[0] if present else None
    return ctx.xp.logical_and(*present, out=ctx.buf("both", present[0].shape, bool))


def attend(q: Any, k: Any, v: Any, out: Any, hidden: Any, drop: Dropout | None, ctx: Ctx) -> Any:
    """out = w v, w = softmax(q kᵀ) along the keys; what is hidden weighs 0, and so does all where all is.

    q (n, h, t, d), k (n, h, s, d), v (n, h, s, e), out (n, h, t, e). `drop` leaves out some of the weights.
    Returns what `attend_backward` needs.
    """
    xp, work = ctx.xp, _work(q, k, v)
    w = ctx.buf("w", (*q.shape[:3], k.shape[2]), q.dtype)

    def weigh(r: slice) -> None:
        xp.matmul(q[r], k[r].swapaxes(2, 3), out=w[r])
        _softmax(w[r], hidden if hidden is None or len(hidden) == 1 else hidden[r], xp)

    def average(r: slice) -> None:
        xp.matmul(used[r], v[r], out=out[r])

    def both(r: slice) -> None:  # while the weights are in the cache
        weigh(r)
        average(r)

    used = w
    if drop is None:
        ctx.rows(len(q), work, both)
    else:
        ctx.rows(len(q), work, weigh)
        used = drop.forward(_NOTHING, w, ctx.child("dropout"))
        ctx.rows(len(q), work, average)
    return q, k, v, out, w, used


def attend_backward(dy: Any, kept: Any, into: tuple[Any, ...], drop: Dropout | None, ctx: Ctx) -> None:
    """dv = wᵀ dy, dw = dy vᵀ, ds = w (dw - Σ w dw), dq = ds k, dk = dsᵀ q; `into` is (dq, dk, dv).

    Σ w dw over the keys is Σ y dy over the features, which is fewer numbers.
    """
    (q, k, v, y, w, used), (dq, dk, dv) = kept, into
    xp, work = ctx.xp, 2 * _work(q, k, v)
    dw = ctx.buf("dw", w.shape, w.dtype)
    product = ctx.buf("product", y.shape, y.dtype)

    def values(r: slice) -> None:
        xp.matmul(used[r].swapaxes(2, 3), dy[r], out=dv[r])
        xp.matmul(dy[r], v[r].swapaxes(2, 3), out=dw[r])

    def scores(r: slice) -> None:
        ds = through[r]
        ds -= xp.multiply(dy[r], y[r], out=product[r]).sum(axis=-1, keepdims=True)
        ds *= w[r]
        xp.matmul(ds, k[r], out=dq[r])
        xp.matmul(ds.swapaxes(2, 3), q[r], out=dk[r])

    def both(r: slice) -> None:
        values(r)
        scores(r)

    through = dw
    if drop is None:
        ctx.rows(len(q), work, both)
    else:
        ctx.rows(len(q), work, values)
        through = drop.backward(_NOTHING, _NOTHING, dw, ctx.child("dropout"))
        ctx.rows(len(q), work, scores)


def flops_of(t: int, s: int, d: int, e: int) -> int:
    """Of q kᵀ and w v for one example and head."""
    return 2 * t * s * (d + e)


def _work(q: Any, k: Any, v: Any) -> float:
    """The flops of attend; the softmax goes over its numbers about five times."""
    n, h, t, d = q.shape
    return float(n * h * (flops_of(t, k.shape[2], d, v.shape[3]) + 50 * t * k.shape[2]))


def _softmax(a: Any, hidden: Any, xp: Any) -> None:
    """In place, along the last axis. A row of which all is hidden becomes 0."""
    if hidden is not None:
        xp.copyto(a, -inf, where=hidden)
    top = real(a).max(axis=-1, keepdims=True)
    if hidden is not None:  # -inf less itself would be no number
        top = xp.maximum(top, float(xp.finfo(top.dtype).min))
    a -= top
    xp.exp(a, out=a)
    total = a.sum(axis=-1, keepdims=True)
    if hidden is not None:
        total += total == 0
    a /= total
