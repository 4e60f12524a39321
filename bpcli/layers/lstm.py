from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.initializers.base import Initializer
from bpcli.layers._compiled_steps import compiled_steps, compiled_steps_back
from bpcli.layers._gates import PerGate
from bpcli.layers._recurrent import Recurrent
from bpcli.layers._scan import Scan, scratch, sigmoid, through
from bpcli.layers.base import Shape
from bpcli.spec.base import Example


class Lstm(Recurrent):
    """cₜ = f cₜ₋₁ + i g, hₜ = o tanh(cₜ), with gates i, f, o = σ(zₜ), g = tanh(zₜ), zₜ = xₜ W + hₜ₋₁ U + b.

    Backward, from the last step to the first: dcₜ += dhₜ o (1 - tanh²cₜ), dzₜ = [dcₜ g i (1-i),
    dcₜ cₜ₋₁ f (1-f), dhₜ tanh(cₜ) o (1-o), dcₜ i (1-g²)], dcₜ₋₁ = dcₜ f, dhₜ₋₁ = dyₜ₋₁ + dzₜ Uᵀ; then
    dW = Σ xₜᵀ dzₜ, dU = Σ hₜ₋₁ᵀ dzₜ, db = Σ dzₜ, dxₜ = dzₜ Wᵀ.
    Shapes: x (n, t, in) -> y (n, units), or (n, t, units) with return_sequences; W (in, 4·units),
    U (units, 4·units), b (4·units,), columns in the order i, f, o, g. A state is h and c side by side,
    (n, 2·units); with `from: [x, state]` it starts from one that another layer gives.
    With `peepholes` the gates also see the cell: zᵢ += P₀ cₜ₋₁, z_f += P₁ cₜ₋₁, zₒ += P₂ cₜ, P (3, units);
    dP is the sum of dz times the cell seen, and dc gains P dz.
    Where a mask leaves steps out, at either end or in between, the state passes them unchanged, y is 0, and
    what x holds counts for nothing.
    Source: Hochreiter and Schmidhuber, 1997; forget gate: Gers, Schmidhuber and Cummins, 2000; peepholes:
    Gers and Schmidhuber, 2000; forget_bias: Jozefowicz, Zaremba and Sutskever, 2015; recurrent dropout: Gal
    and Ghahramani, 2016.
    """

    type: Literal["lstm"] = "lstm"
    forget_bias: float = Field(
        default=1.0, description="added to the first bias of f, so that at first the cell keeps what it has"
    )
    peepholes: bool = Field(default=False, description="whether the gates see the cell too")

    gates: ClassVar[int] = 4
    sigmoids: ClassVar[int] = 3
    states: ClassVar[tuple[str, ...]] = ("h", "c")
    examples: ClassVar = (
        Example({"units": 3}, (4, 2)),
        Example({"units": 2, "return_sequences": True, "reverse": True, "bias": False}, (3, 2)),
        Example({"units": 3, "peepholes": True, "return_sequences": True, "recurrent_dropout": 0.4}, (3, 2)),
        Example({"units": 2, "return_state": True, "stateful": 400}, (3, 2)),
        Example({"units": 2, "peepholes": True, "l1": 0.1}, ((3, 2), (2,), (2,))),
    )

    def build(self, shape: Shape, decl: Decl) -> Shape:
        output = super().build(shape, decl)
        if self.peepholes:
            decl.param("P", (3, self.units), self.init, fan_in=self.units, fan_out=self.units)
        return output

    def first_bias(self) -> Initializer:
        return PerGate(inner=self.bias_init, gates=4, offsets=(0.0, self.forget_bias, 0.0, 0.0))

    def _kernels(self, s: Scan, ctx: Ctx) -> Any:
        """The compiled steps, which know neither peepholes nor masks nor dropout, or None."""
        plain = not self.peepholes and not s.padded and s.kept is None
        return ctx.compiled("lstm", s.z.dtype) if plain else None

    def steps(self, p: Tree, s: Scan, ctx: Ctx) -> None:
        if (kernels := self._kernels(s, ctx)) is not None:
            compiled_steps(self, kernels, p.U, (self._tanh_c(s, ctx),), s, ctx)
            return
        xp, (h, c), gates, used = ctx.xp, s.states, s.by_step, self.used(s, ctx)
        tanh_c, U = self._tanh_c(s, ctx), self.by_gate("U", p.U, ctx)
        P = 0.5 * p.P if self.peepholes else None  # halved as U is
        products = scratch(ctx, "h U", gates.shape[1:], s.z.dtype)
        spares = scratch(ctx, "spare", h.shape[1:], s.z.dtype)
        passing = xp.asarray([0.0, 1.0, 0.0], s.z.dtype)[
            :, None, None
        ]  # i, f, o that leave the cell as it is

        def block(rows: slice) -> None:
            product, spare, kept = products[:, rows], spares[rows], s.kept_of(rows)
            every = zip(
                h[:-1, rows], h[1:, rows], c[:-1, rows], c[1:, rows], used[:, rows], tanh_c[:, rows],
                gates[:, :, rows], s.pads, strict=True,
            )  # fmt: skip
            for h_before, h_after, c_before, c_after, dropped, squashed, gate, pad in every:
                if kept is not None:
                    xp.multiply(h_before, kept, out=dropped)
                gate += xp.matmul(dropped, U, out=product)
                i, f, o, g = gate
                if P is None:
                    xp.tanh(gate, out=gate)
                    sigmoid(gate[:3])
                else:
                    i += xp.multiply(P[0], c_before, out=spare)
                    f += xp.multiply(P[1], c_before, out=spare)
                    xp.tanh(gate[:2], out=gate[:2])
                    xp.tanh(g, out=g)
                    sigmoid(gate[:2])
                if pad is not None:
                    xp.copyto(gate[:3], passing, where=pad[rows])
                xp.multiply(f, c_before, out=c_after)
                c_after += xp.multiply(i, g, out=spare)
                if P is not None:
                    o += xp.multiply(P[2], c_after, out=spare)
                    xp.tanh(o, out=o)
                    sigmoid(o)
                    if pad is not None:
                        xp.copyto(o, 0, where=pad[rows])
                xp.tanh(c_after, out=squashed)
                xp.multiply(o, squashed, out=h_after)
                if pad is not None:
                    xp.copyto(h_after, h_before, where=pad[rows])

        s.over_rows(block, ctx)

    def steps_back(self, p: Tree, g: Tree, s: Scan, dys: Any, ds: tuple[Any, ...], dz: Any, ctx: Ctx) -> None:
        if (kernels := self._kernels(s, ctx)) is not None:
            dh, dc = ds
            compiled_steps_back(self, kernels, p.U, (self._tanh_c(s, ctx),), s, dys, dh, dc, dz, ctx)
            self.gradient_of(g.U, dz, s, ctx)
            return
        xp, (_, c), gates, dgates = ctx.xp, s.states, s.by_step, dz.reshape(*dz.shape[:2], 4, -1)
        tanh_c, transposed = self._tanh_c(s, ctx), self.transposed(p.U, ctx)
        P = p.P if self.peepholes else None
        spares = scratch(ctx, "spare", ds[0].shape, dz.dtype)
        others = scratch(ctx, "1 - gates", (3, *ds[0].shape), dz.dtype)

        def block(rows: slice) -> None:
            (dh, dc), spare, other, kept = (
                (d[rows] for d in ds),
                spares[rows],
                others[:, rows],
                s.kept_of(rows),
            )
            for t in range(len(dz) - 1, -1, -1):
                gate, squashed, pad = gates[t, :, rows], tanh_c[t, rows], s.pads[t]
                (i, f, o, g_t), (di, df, do, dg) = gate, dgates[t, rows].swapaxes(0, 1)
                if dys is not None:
                    dh += dys[t, rows]
                dc += xp.multiply(dh, o, out=spare)
                xp.multiply(spare, squashed, out=do)  # dh o tanh(c)
                dc -= xp.multiply(do, squashed, out=spare)
                xp.subtract(1, gate[:3], out=other)
                do *= other[2]
                if P is not None:
                    dc += xp.multiply(P[2], do, out=spare)
                xp.multiply(dc, i, out=spare)
                xp.multiply(spare, g_t, out=di)  # dc i g
                xp.subtract(spare, xp.multiply(di, g_t, out=dg), out=dg)
                dc *= f
                xp.multiply(dc, c[t, rows], out=df)
                di *= other[0]
                df *= other[1]
                if P is not None:
                    dc += xp.multiply(P[0], di, out=spare)
                    dc += xp.multiply(P[1], df, out=spare)
                # Where a row skips the step, i = o = 0 and f = 1: dz is 0 and dc stays as it is.
                through(dz[t, rows], transposed, dh, kept, None if pad is None else pad[rows], spare, xp)

        s.over_rows(block, ctx)
        self.gradient_of(g.U, dz, s, ctx)
        if self.peepholes:
            products = scratch(ctx, "dz c", c[1:].shape, dz.dtype)
            for k, seen in enumerate((c[:-1], c[:-1], c[1:])):
                xp.multiply(dgates[:, :, k], seen, out=products).sum(axis=(0, 1), out=g.P[k])

    def _tanh_c(self, s: Scan, ctx: Ctx) -> Any:
        return scratch(ctx, "tanh c", s.shape, s.z.dtype)
