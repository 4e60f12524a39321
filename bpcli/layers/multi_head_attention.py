from __future__ import annotations

from functools import cached_property
from math import sqrt
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree, is_several
from bpcli.initializers.base import Initializer
from bpcli.initializers.zeros import Zeros
from bpcli.layers._attention import Attends, attend, attend_backward, flops_of
from bpcli.layers._decoding import remembered
from bpcli.layers._norm import column_sums
from bpcli.layers.base import Shape
from bpcli.layers.dropout import Dropout
from bpcli.spec.base import Example
from bpcli.spec.registry import Named

#: What is computed from each input, when there are one, two or three.
_PARTS = {1: ("qkv",), 2: ("q", "kv"), 3: ("q", "k", "v")}


class MultiHeadAttention(Attends):
    """y = [h₁ h₂ …] Wo + bo, hᵢ = softmax(qᵢ kᵢᵀ / √d) vᵢ, qᵢ, kᵢ and vᵢ columns of x W + b: several heads.

    Backward: dWo = hᵀ dy, dbo = Σ dy, dh = dy Woᵀ; in each head, w being the softmax, dv = wᵀ dh,
    dw = dh vᵀ, ds = w (dw - Σ w dw), dq = ds k / √d, dk = dsᵀ q / √d; then, for q, k and v alike,
    dWq = xᵀ dq, dbq = Σ dq, and dx = dq Wqᵀ + dk Wkᵀ + dv Wvᵀ.
    Shapes: x (n, t, c) -> y (n, t, c); Wq, Wk, Wv (c, heads·d), Wo (heads·d, c). One input looks at itself;
    `from: [query, value]` looks from one sequence (n, t, c) at another (n, s, e), `from: [query, key, value]`
    at the values of a third, (n, s, f). d is `key_units`. Weights (n, heads, t, s) are kept for backward.
    A step that is masked as a key weighs exactly 0. With `causal`, step t sees those up to t, counted from
    the start; then earlier steps are not computed again while a sequence is generated. What comes out has
    the mask of the query. `dropout` leaves out weights while training.
    Source: Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser and Polosukhin, 2017.
    """

    type: Literal["multi_head_attention"] = "multi_head_attention"
    heads: PositiveInt
    key_units: PositiveInt | None = Field(
        default=None, description="d, the features of each head; by default those of the query / heads"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="share of the weights that are left out"
    )
    bias: bool = True
    init: Annotated[Initializer, Named("initializers")] = Field(
        default="glorot_uniform", validate_default=True
    )  # pyright: ignore[reportAssignmentType]
    l1: NonNegativeFloat = Field(default=0.0, description="adds l1·Σ|W| to the training loss, for all four")
    l2: NonNegativeFloat = Field(default=0.0, description="adds ½·l2·ΣW² to the training loss, for all four")

    examples: ClassVar = (
        Example({"heads": 2}, (3, 4)),
        Example({"heads": 3, "key_units": 2, "causal": True, "bias": False}, (4, 5)),
        Example({"heads": 2, "dropout": 0.3, "l2": 0.01}, ((3, 4), (5, 3))),
        Example({"heads": 1, "causal": True}, ((3, 2), (3, 4), (3, 3))),
    )

    @cached_property
    def _drop(self) -> Dropout | None:
        return Dropout(rate=self.dropout) if self.dropout else None

    def build(self, shape: Shape, decl: Decl) -> Shape:
        shapes = self.sequences(shape, decl)
        width = shapes[0][1]
        if self.key_units is None and width % self.heads:
            near = [k for k in range(1, width + 1) if width % k == 0]
            raise decl.error(
                f"{width} features cannot be shared out evenly to {self.heads} heads",
                f"take {' or '.join(map(str, near[-3:]))} heads, or say key_units",
                "heads",
            )
        units = self.heads * (self.key_units or width // self.heads)
        for names, (_, fan_in) in zip(_PARTS[len(shapes)], shapes, strict=True):
            for name in names:
                self._declare(decl, name, fan_in, units)
        self._declare(decl, "o", units, width)
        return shapes[0]

    def _declare(self, decl: Decl, name: str, fan_in: int, fan_out: int) -> None:
        shape = (fan_in, fan_out)
        decl.param(f"W{name}", shape, self.init, fan_in=fan_in, fan_out=fan_out, l1=self.l1, l2=self.l2)
        if self.bias:
            decl.param(f"b{name}", (fan_out,), Zeros(), fan_in=fan_in, fan_out=fan_out, decay=False)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        xs, mask = self.begin(x, ctx)
        projections = [
            self._project(p, part, names, ctx) for part, names in zip(xs, _PARTS[len(xs)], strict=True)
        ]
        q, k, v = (z[:, :, j] for *_, z in projections for j in range(z.shape[2]))  # (n, t, heads, d)
        q *= 1.0 / sqrt(q.shape[3])
        if self.causal:
            k, v = remembered("keys", k, ctx), remembered("values", v, ctx)
        h = ctx.buf("h", q.shape, q.dtype)
        hidden = self.hidden(q.shape[1], k.shape[1], mask, ctx)
        kept = attend(_by_head(q), _by_head(k), _by_head(v), _by_head(h), hidden, self._drop, ctx)
        flat_h = h.reshape(-1, h.shape[2] * h.shape[3])
        y = ctx.buf("y", xs[0].shape, h.dtype)
        flat_y = y.reshape(len(flat_h), -1)
        ctx.matmul(flat_h, p.Wo, flat_y)
        if self.bias:
            flat_y += p.bo
        if ctx.shared.decoding is None:
            ctx.saved = projections, flat_h, kept
        return y

    def _project(self, p: Tree, x: Any, names: str, ctx: Ctx) -> tuple[Any, Any, Any]:
        """x as a matrix, its weights side by side, and x W + b as (n, t, len(names), heads, d)."""
        W, b = self._beside(p, names, ctx)
        flat = x.reshape(-1, x.shape[-1])
        d = W.shape[1] // (len(names) * self.heads)
        z = ctx.buf(f"z_{names}", (*x.shape[:2], len(names), self.heads, d), x.dtype)
        flat_z = z.reshape(len(flat), -1)
        ctx.matmul(flat, W, flat_z)
        if self.bias:
            flat_z += b
        return flat, W, z

    def _beside(self, p: Tree, names: str, ctx: Ctx) -> tuple[Any, Any]:
        """The weights of all that is computed from one input, side by side, so that one product does."""
        if len(names) == 1:
            return p[f"W{names}"], p.get(f"b{names}")
        n_in, units = p[f"W{names[0]}"].shape
        W = ctx.buf(f"W_{names}", (n_in, len(names), units), p.Wo.dtype)
        b = ctx.buf(f"b_{names}", (len(names), units), p.Wo.dtype)
        if not ctx.shared.decoding:  # the pieces after the first find them there
            for j, name in enumerate(names):
                W[:, j] = p[f"W{name}"]
                if self.bias:
                    b[j] = p[f"b{name}"]
        return W.reshape(n_in, -1), b.reshape(-1)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        projections, flat_h, kept = ctx.saved
        flat_dy = dy.reshape(len(flat_h), -1)
        ctx.matmul(flat_h.T, flat_dy, g.Wo)
        if self.bias:
            g.bo[...] = column_sums(flat_dy, ctx.xp)
        n, heads, t, d = kept[0].shape
        dh = ctx.buf("dh", (n, t, heads, d), flat_h.dtype)
        ctx.matmul(flat_dy, p.Wo.T, dh.reshape(len(flat_h), -1))
        dzs = [ctx.buf(f"dz{j}", z.shape, z.dtype) for j, (_, _, z) in enumerate(projections)]
        dq, dk, dv = (dz[:, :, j] for dz in dzs for j in range(dz.shape[2]))
        into = _by_head(dq), _by_head(dk), _by_head(dv)
        attend_backward(_by_head(dh), kept, into, self._drop, ctx)
        dq *= 1.0 / sqrt(d)
        parts = _PARTS[len(projections)]
        dxs = tuple(
            self._project_backward(g, x, W, dz, names, ctx)
            for (x, W, _), dz, names in zip(projections, dzs, parts, strict=True)
        )
        if not ctx.need_dx:
            return None
        return dxs[0] if len(dxs) == 1 else dxs

    def _project_backward(self, g: Tree, x: Any, W: Any, dz: Any, names: str, ctx: Ctx) -> Any:
        flat_dz = dz.reshape(len(x), -1)
        if len(names) == 1:
            ctx.matmul(x.T, flat_dz, g[f"W{names}"])
        else:
            dW = ctx.matmul(x.T, flat_dz, ctx.buf(f"dW_{names}", W.shape, W.dtype))
            for name, part in zip(names, ctx.xp.array_split(dW, len(names), axis=1), strict=True):
                g[f"W{name}"][...] = part
        if self.bias:
            for name, part in zip(names, column_sums(flat_dz, ctx.xp).reshape(len(names), -1), strict=True):
                g[f"b{name}"][...] = part
        if not ctx.need_dx:
            return None
        dx = ctx.buf(f"dx_{names}", (*dz.shape[:2], x.shape[1]), dz.dtype)
        ctx.matmul(flat_dz, W.T, dx.reshape(x.shape))
        return dx

    def flops(self, shape: Shape, output: Shape) -> int:
        shapes: tuple[Shape, ...] = shape if is_several(shape) else (shape,)
        (t, width), s = output, shapes[-1][0]
        units = self.heads * (self.key_units or width // self.heads)
        projected = sum(
            2 * steps * c * units * len(names)
            for (steps, c), names in zip(shapes, _PARTS[len(shapes)], strict=True)
        )
        return projected + flops_of(t, s, units, units) + 2 * t * units * width


def _by_head(a: Any) -> Any:
    """(n, t, heads, d) as (n, heads, t, d)."""
    return a.swapaxes(1, 2)
