from __future__ import annotations

from math import sqrt
from typing import Any, ClassVar, Literal

from pydantic import Field

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree, is_several
from bpcli.layers._attention import Attends, attend, attend_backward, flops_of
from bpcli.layers._decoding import remembered
from bpcli.layers.base import Shape
from bpcli.spec.base import Example


class Attention(Attends):
    """y = w v, w = softmax(q kᵀ / √d): of each query, the values averaged by how well their keys match it.

    Backward: dv = wᵀ dy, dw = dy vᵀ, ds = w (dw - Σ w dw), dq = ds k / √d, dk = dsᵀ q / √d.
    Shapes: q (n, t, d), k (n, s, d), v (n, s, e) -> y (n, t, e). `from: [query, value]`, where the keys are
    the values, or `from: [query, key, value]`. No parameters.
    A key that is masked weighs exactly 0, and a query that sees no key gives 0. With `causal`, query t sees
    the keys up to t, both counted from the start. What comes out has the mask of the query.
    Source: Luong, Pham and Manning, 2015; divided by √d: Vaswani et al., 2017.
    """

    type: Literal["attention"] = "attention"
    scale: bool = Field(default=True, description="whether the scores q kᵀ are divided by √d")

    examples: ClassVar = (
        Example({}, ((3, 4), (5, 4))),
        Example({"causal": True, "scale": False}, ((3, 2), (3, 2), (3, 5))),
        Example({}, ((1, 3), (1, 3), (1, 1))),
    )

    def build(self, shape: Shape, decl: Decl) -> Shape:
        if not is_several(shape):
            raise decl.error(
                "attention looks from one sequence at another, and gets one",
                "name them: from: [query, value]; within one sequence, use multi_head_attention",
            )
        query, *others = self.sequences(shape, decl)
        key, value = others[0], others[-1]
        if query[1] != key[1]:
            raise decl.error(
                f"queries of {query[1]} features cannot be matched with keys of {key[1]}",
                "let a dense layer give both one width, or use multi_head_attention",
                "from",
            )
        return (query[0], value[1])

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        (q, *others), mask = self.begin(x, ctx)
        k, v = others[0], others[-1]
        if self.causal:
            k, v = remembered("keys", k, ctx), remembered("values", v, ctx)
        if self.scale:
            q = ctx.xp.multiply(q, 1.0 / sqrt(q.shape[2]), out=ctx.buf("q", q.shape, q.dtype))
        y = ctx.buf("y", (*q.shape[:2], v.shape[2]), q.dtype)
        hidden = self.hidden(q.shape[1], k.shape[1], mask, ctx)
        kept = attend(q[:, None], k[:, None], v[:, None], y[:, None], hidden, None, ctx)
        if ctx.shared.decoding is None:
            ctx.saved = len(others), kept
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if not ctx.need_dx:
            return None
        others, kept = ctx.saved
        dq, dk, dv = (
            ctx.buf(name, (len(a), *a.shape[2:]), a.dtype)
            for name, a in zip(("dq", "dk", "dv"), kept[:3], strict=True)
        )
        attend_backward(dy[:, None], kept, (dq[:, None], dk[:, None], dv[:, None]), None, ctx)
        if self.scale:
            dq *= 1.0 / sqrt(dq.shape[2])
        if others == 2:
            return dq, dk, dv
        dv += dk
        return dq, dv

    def flops(self, shape: Shape, output: Shape) -> int:
        (t, d), (s, _), (_, e) = shape[0], shape[1], shape[-1]
        return flops_of(t, s, d, e)
