from __future__ import annotations

from math import prod
from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.core.windows import Axes, Axis
from bpcli.layers._conv import convolve, convolve_backward
from bpcli.layers._filters import Filters, check_groups
from bpcli.layers._masks import blanked
from bpcli.layers._window_fields import Padding1d, axis_1d, check_shape, check_windows
from bpcli.layers.base import Shape
from bpcli.spec.base import Example


class Conv1d(Filters):
    """y[n,u,f] = f(Σ_jc x[n, u·s + j·d, c] W[j,c,f] + b[f]), s the stride, d the dilation.

    Backward: dz = dy f'(z), dW[j,c,f] = Σ_nu x[n, u·s + j·d, c] dz[n,u,f], db = Σ dz,
    dx = Σ dz Wᵀ over the windows that a step lies in: for s = 1, dz correlated with W reversed.
    Shapes: x (n, t, c) -> y (n, u, filters); W (kernel, c/groups, filters), b (filters,);
    u = ⌊(t + padding - d·(kernel - 1) - 1) / s⌋ + 1. Filters in a group see the channels of that group
    only; fan_in is kernel·c/groups, fan_out kernel·filters/groups.
    `padding: same` gives u = ⌈t / s⌉ with the odd zero at the end, as in Keras (PyTorch has it for stride 1
    only). `causal` puts d·(kernel - 1) zeros before the sequence: no output sees a later step.
    Masked steps count as the zeros around the sequence. With `causal`, or `same` and stride 1, an output is
    masked where its own step is; with `valid`, where its window has a masked step in it.
    Source: Waibel et al., 1989; causal and dilated: van den Oord et al., 2016.
    """

    type: Literal["conv1d"] = "conv1d"
    filters: PositiveInt
    kernel: PositiveInt
    stride: PositiveInt = 1
    dilation: PositiveInt = 1
    groups: PositiveInt = Field(default=1, description="must divide the channels and the filters")
    padding: Padding1d = "valid"

    examples: ClassVar = (
        Example({"filters": 3, "kernel": 3}, (6, 2)),
        Example(
            {"filters": 2, "kernel": 2, "dilation": 2, "padding": "causal", "activation": "tanh"}, (5, 3)
        ),
        Example({"filters": 4, "kernel": 3, "stride": 2, "padding": "same", "groups": 2}, (7, 4)),
        Example({"filters": 4, "kernel": 4, "padding": [3, 1], "groups": 2, "bias": False}, (5, 2)),
        Example({"filters": 2, "kernel": 1, "padding": 1, "l1": 0.1}, (3, 20)),
    )

    @property
    def masks(self) -> Literal["keep", "ignore"]:
        own_steps = self.padding == "causal" or (self.padding == "same" and self.stride == 1)
        return "keep" if own_steps or self.padding == "valid" else "ignore"

    def _axes(self, shape: Shape) -> Axes:
        """The sequence as an image of one line."""
        return Axis(1, 1), axis_1d(shape, self.kernel, self.stride, self.dilation, self.padding)

    def build(self, shape: Shape, decl: Decl) -> Shape:
        check_shape(decl, self, shape, "tc")
        axes = self._axes(shape)
        check_windows(decl, self, axes)
        check_groups(decl, self, shape[-1], self.filters, self.groups)
        W = (self.kernel, shape[-1] // self.groups, self.filters)
        self.declare(
            decl, W, self.filters, fan_in=prod(W[:2]), fan_out=self.kernel * self.filters // self.groups
        )
        return (axes[1].out, self.filters)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        axes, mask = self._axes(x.shape), ctx.mask
        x = blanked(x, mask, "blanked", ctx)[:, None]  # (n, 1, t, c)
        ctx.saved = x, axes, mask
        if mask is not None:
            ctx.mask = self._mask_of_outputs(mask, axes[1], ctx)
        z = convolve(x, p.W[None], self.b(p), self.groups, axes, ctx)
        return self.activated(z[:, 0], ctx)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        x, axes, mask = ctx.saved
        dz = self.before_activation(dy, ctx)[:, None]
        dx = convolve_backward(x, dz, p.W[None], g.W[None], self.b(g), self.groups, axes, ctx)
        return None if dx is None else blanked(dx[:, 0], mask, "dx of steps", ctx)

    def _mask_of_outputs(self, mask: Any, steps: Axis, ctx: Ctx) -> Any:
        out = ctx.buf("mask", (len(mask), steps.out), bool)
        if self.padding != "valid":
            out[...] = mask[:, :: self.stride]
            return out
        out[...] = True
        for tap in range(self.kernel):
            ctx.xp.logical_and(out, mask[:, steps.reach(tap)], out=out)
        return out

    def flops(self, shape: Shape, output: Shape) -> int:
        return 2 * self.kernel * shape[-1] // self.groups * prod(output)
