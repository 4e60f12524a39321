from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.core.store import Tree
from bpcli.layers._recurrent import Recurrent
from bpcli.layers._scan import Scan, scratch, through
from bpcli.spec.base import Example
from bpcli.spec.registry import Named


class SimpleRnn(Recurrent):
    """hₜ = f(xₜ W + hₜ₋₁ U + b), f = tanh unless another activation is named; h₀ = 0.

    Backward, from the last step to the first: dzₜ = dhₜ f'(zₜ), dhₜ₋₁ = dyₜ₋₁ + dzₜ Uᵀ; then dW = Σ xₜᵀ dzₜ,
    dU = Σ hₜ₋₁ᵀ dzₜ, db = Σ dzₜ, dxₜ = dzₜ Wᵀ.
    Shapes: x (n, t, in) -> y (n, units), or (n, t, units) with return_sequences; W (in, units),
    U (units, units), b (units,). With `from: [x, state]` h₀ is the state that another layer gives.
    Where a mask leaves steps out, at either end or in between, the state passes them unchanged, y is 0, and
    what x holds counts for nothing.
    Source: Elman, 1990; backpropagation through time: Werbos, 1990; recurrent dropout: Gal and Ghahramani,
    2016.
    """

    type: Literal["simple_rnn"] = "simple_rnn"
    activation: Annotated[Activation, Named("activations")] = Field(default="tanh", validate_default=True)  # pyright: ignore[reportAssignmentType]

    examples: ClassVar = (
        Example({"units": 4}, (5, 3)),
        Example({"units": 3, "return_sequences": True, "activation": "gelu", "reverse": True}, (4, 2)),
        Example({"units": 3, "bias": False, "recurrent_dropout": 0.4, "stateful": 400}, (3, 2)),
        Example({"units": 2, "return_sequences": True, "l2": 0.01}, ((3, 2), (2,))),
    )

    @property
    def smooth(self) -> bool:
        return self.activation.smooth

    def steps(self, p: Tree, s: Scan, ctx: Ctx) -> None:
        xp, f, h, used = ctx.xp, self.activation, s.states[0], self.used(s, ctx)
        z, products = s.z[0], scratch(ctx, "h U", h.shape[1:], h.dtype)
        inner = self._of_activation(s, ctx)

        def block(rows: slice) -> None:
            product, kept, inside = products[rows], s.kept_of(rows), inner[rows.start]
            every = zip(h[:-1, rows], h[1:, rows], used[:, rows], z[:, rows], s.pads, inside, strict=True)
            for before, after, dropped, inputs, pad, here in every:
                if kept is not None:
                    xp.multiply(before, kept, out=dropped)
                inputs += xp.matmul(dropped, p.U, out=product)
                f.forward(inputs, after, here)
                if pad is not None:
                    xp.copyto(after, before, where=pad[rows])

        s.over_rows(block, ctx)

    def steps_back(self, p: Tree, g: Tree, s: Scan, dys: Any, ds: tuple[Any, ...], dz: Any, ctx: Ctx) -> None:
        xp, f, h = ctx.xp, self.activation, s.states[0]
        inner, spares = self._of_activation(s, ctx), scratch(ctx, "spare", ds[0].shape, dz.dtype)
        transposed = self.transposed(p.U, ctx)

        def block(rows: slice) -> None:
            dh, spare, kept = ds[0][rows], spares[rows], s.kept_of(rows)
            for t in range(len(dz) - 1, -1, -1):
                dz_t, pad = dz[t, rows], s.pads[t]
                if dys is not None:
                    dh += dys[t, rows]
                f.backward(dh, s.z[0, t, rows], h[t + 1, rows], dz_t, inner[rows.start][t])
                if pad is not None:
                    xp.copyto(dz_t, 0, where=pad[rows])
                through(dz_t, transposed, dh, kept, None if pad is None else pad[rows], spare, xp)

        s.over_rows(block, ctx)
        self.gradient_of(g.U, dz, s, ctx)

    def _of_activation(self, s: Scan, ctx: Ctx) -> dict[int, list[Ctx]]:
        """The activation's workspaces, one for each block of rows and step: some keep what backward needs."""
        every = range(s.shape[0])
        return {
            rows.start: [ctx.child(f"activation{rows.start}").child(str(t)) for t in every]
            for rows in s.blocks()
        }
