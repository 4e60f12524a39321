from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers._compiled_steps import compiled_steps, compiled_steps_back
from bpcli.layers._recurrent import Recurrent
from bpcli.layers._scan import Scan, scratch, sigmoid
from bpcli.layers.base import Shape
from bpcli.spec.base import Example


class Gru(Recurrent):
    """hₜ = z hₜ₋₁ + (1 - z) n, with r, z = σ(xₜ W + hₜ₋₁ U + b), n = tanh(xₜ W + b + r (hₜ₋₁ U + a)).

    Backward, from the last step to the first: dn = dhₜ (1-z) (1-n²), dz = dhₜ (hₜ₋₁ - n) z (1-z),
    dr = dn (hₜ₋₁ U + a) r (1-r), dhₜ₋₁ = dyₜ₋₁ + dhₜ z + [dr, dz, dn r] Uᵀ; then dW = Σ xₜᵀ [dr, dz, dn],
    dU = Σ hₜ₋₁ᵀ [dr, dz, dn r], db = Σ [dr, dz, dn], da = Σ dn r, dxₜ = [dr, dz, dn] Wᵀ.
    Shapes: x (n, t, in) -> y (n, units), or (n, t, units) with return_sequences; W (in, 3·units),
    U (units, 3·units), b (3·units,), a (units,), columns in the order r, z, n. With `from: [x, state]` h₀ is
    the state that another layer gives.
    `reset: after`, as above, resets the product with U, as PyTorch and cuDNN do. `reset: before` resets the
    state, as Cho et al.: n = tanh(xₜ W + b + (r hₜ₋₁) U), and there is no a; with dm = dn Uᵀ,
    dr = dm hₜ₋₁ r (1-r), dhₜ₋₁ = dyₜ₋₁ + dhₜ z + dm r + [dr, dz] Uᵀ.
    Where a mask leaves steps out, at either end or in between, the state passes them unchanged, y is 0, and
    what x holds counts for nothing.
    Source: Cho et al., 2014; recurrent dropout: Gal and Ghahramani, 2016.
    """

    type: Literal["gru"] = "gru"
    reset: Literal["after", "before"] = Field(
        default="after", description="whether r multiplies the state before or after the product with U"
    )

    gates: ClassVar[int] = 3
    sigmoids: ClassVar[int] = 2
    examples: ClassVar = (
        Example({"units": 3}, (4, 2)),
        Example({"units": 2, "return_sequences": True, "reverse": True, "bias": False}, (3, 2)),
        Example({"units": 3, "reset": "before", "return_sequences": True, "recurrent_dropout": 0.4}, (3, 2)),
        Example({"units": 2, "return_state": True, "stateful": 400, "recurrent_dropout": 0.3}, (3, 2)),
        Example({"units": 2, "reset": "before", "l1": 0.1}, ((3, 2), (2,))),
    )

    def build(self, shape: Shape, decl: Decl) -> Shape:
        output = super().build(shape, decl)
        if self.bias and self.reset == "after":
            decl.param("a", (self.units,), self.bias_init, fan_in=self.units, fan_out=self.units, decay=False)
        return output

    def _kernels(self, s: Scan, ctx: Ctx) -> Any:
        """The compiled steps, which know neither masks nor dropout, or None."""
        plain = self.reset == "after" and not s.padded and s.kept is None
        return ctx.compiled("gru", s.z.dtype) if plain else None

    def steps(self, p: Tree, s: Scan, ctx: Ctx) -> None:
        if (kernels := self._kernels(s, ctx)) is not None:
            a = p.a if self.bias else ctx.xp.zeros(self.units, p.U.dtype)
            compiled_steps(self, kernels, p.U, (self._memories(s, ctx), a), s, ctx)
            return
        xp, (h,), gates, used = ctx.xp, s.states, s.by_step, self.used(s, ctx)
        U, after_product = self.by_gate("U", p.U, ctx), self.reset == "after"
        a = p.a if self.bias and after_product else None
        products = scratch(ctx, "h U", gates.shape[1:], s.z.dtype)
        memories = self._memories(s, ctx)

        def block(rows: slice) -> None:
            product, kept = products[:, rows], s.kept_of(rows)
            every = zip(
                h[:-1, rows], h[1:, rows], used[:, rows], memories[:, rows], gates[:, :, rows], s.pads,
                strict=True,
            )  # fmt: skip
            for before, after, dropped, memory, gate, pad in every:
                if kept is not None:
                    xp.multiply(before, kept, out=dropped)
                (r, update, n), both = gate, gate[:2]
                if after_product:
                    xp.matmul(dropped, U, out=product)
                else:
                    xp.matmul(dropped, U[:2], out=product[:2])
                both += product[:2]
                xp.tanh(both, out=both)
                sigmoid(both)
                if pad is not None:
                    xp.copyto(update, 1, where=pad[rows])
                if after_product:
                    if a is None:
                        memory[...] = product[2]
                    else:
                        xp.add(product[2], a, out=memory)
                    n += xp.multiply(r, memory, out=after)
                else:
                    n += xp.matmul(xp.multiply(r, dropped, out=memory), U[2], out=after)
                xp.tanh(n, out=n)
                xp.subtract(before, n, out=after)
                after *= update
                after += n
                if pad is not None:
                    xp.copyto(after, before, where=pad[rows])

        s.over_rows(block, ctx)

    def steps_back(self, p: Tree, g: Tree, s: Scan, dys: Any, ds: tuple[Any, ...], dz: Any, ctx: Ctx) -> None:
        two, after_product, memories = 2 * self.units, self.reset == "after", self._memories(s, ctx)
        columns = p.U if after_product else p.U[:, :two]
        # What comes through U; reset after the product, its part for n is dn r and not dn.
        du = scratch(ctx, "dh U", (*dz.shape[:2], columns.shape[1]), dz.dtype)
        if (kernels := self._kernels(s, ctx)) is not None:
            passed = scratch(ctx, "spare", ds[0].shape, dz.dtype)
            passed[...] = 0
            compiled_steps_back(self, kernels, p.U, (memories, du), s, dys, ds[0], passed, dz, ctx)
            ds[0][...] += passed
        else:
            self._steps_back(p, columns, s, dys, ds[0], dz, du, ctx)
        if after_product:
            self.gradient_of(g.U, du, s, ctx)
            if self.bias:
                flat = du.reshape(-1, 3 * self.units)[:, two:]
                ctx.xp.matmul(ctx.ones(len(flat), dz.dtype), flat, out=g.a)
        else:
            self.gradient_of(g.U[:, :two], du, s, ctx)
            ctx.matmul(
                memories.reshape(-1, self.units).T, dz.reshape(-1, 3 * self.units)[:, two:], g.U[:, two:]
            )

    def _steps_back(
        self, p: Tree, columns: Any, s: Scan, dys: Any, dh0: Any, dz: Any, du: Any, ctx: Ctx
    ) -> None:
        xp, (h,), gates, used = ctx.xp, s.states, s.by_step, self.used(s, ctx)
        two, after_product, memories = 2 * self.units, self.reset == "after", self._memories(s, ctx)
        dgates = dz.reshape(*dz.shape[:2], 3, -1)
        transposed, of_n = self.transposed(columns, ctx), p.U[:, two:].T
        spares = scratch(ctx, "spare", (2, *h.shape[1:]), dz.dtype)
        others = scratch(ctx, "1 - gates", (2, *dh0.shape), dz.dtype)

        def block(rows: slice) -> None:
            dh, other, kept, spare, passed = dh0[rows], others[:, rows], s.kept_of(rows), *spares[:, rows]
            for t in range(len(dz) - 1, -1, -1):
                gate, du_t, dropped = gates[t, :, rows], du[t, rows], used[t, rows]
                (r, update, n), (dr, dupdate, dn) = gate, dgates[t, rows].swapaxes(0, 1)
                if dys is not None:
                    dh += dys[t, rows]
                xp.multiply(dh, xp.subtract(h[t, rows], n, out=spare), out=dupdate)
                xp.multiply(dh, update, out=passed)
                dh -= passed  # dh (1 - z)
                xp.multiply(dh, n, out=spare)
                xp.subtract(dh, xp.multiply(spare, n, out=spare), out=dn)
                if after_product:
                    xp.multiply(dn, memories[t, rows], out=dr)
                    xp.multiply(dn, r, out=du_t[:, two:])
                else:
                    dm = xp.matmul(dn, of_n, out=dh)
                    xp.multiply(dm, dropped, out=dr)
                    dm *= r
                    passed += dm if kept is None else xp.multiply(dm, kept, out=dm)
                xp.subtract(1, gate[:2], out=other)
                other *= gate[:2]
                dr *= other[0]
                dupdate *= other[1]
                du_t[:, :two] = dz[t, rows, :two]
                # Where a row skips the step, z = 1: dz is 0, and dh passes unchanged.
                xp.matmul(du_t, transposed, out=dh)
                if kept is not None:
                    dh *= kept
                dh += passed

        s.over_rows(block, ctx)

    def _memories(self, s: Scan, ctx: Ctx) -> Any:
        """hₜ₋₁ U + a of each step, which r multiplies; or r hₜ₋₁, where the state itself is reset."""
        return scratch(ctx, "memory", s.shape, s.z.dtype)
