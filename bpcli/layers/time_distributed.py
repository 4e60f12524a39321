from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers.base import Layer, Shape, expanded, keyed
from bpcli.spec.base import Example
from bpcli.spec.registry import Named


class TimeDistributed(Layer):
    """yₜ = f(xₜ), one layer f at every step of a sequence.

    Backward: dxₜ = dyₜ ∂f/∂xₜ, and the gradients of f's parameters summed over the steps.
    Shapes: x (n, t, ...) -> y (n, t, ...), as f has it without the axis t: to f the steps are n·t rows.
    Several layers are a sequential; dense, and others that work along the last axis, need none of this. A
    sequence mask goes past f.
    """

    type: Literal["time_distributed"] = "time_distributed"
    layer: Annotated[Layer, Named("layers")]

    by_pieces: ClassVar[bool] = True
    takes_symbols: ClassVar[bool] = True
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    examples: ClassVar = (
        Example({"layer": {"type": "dense", "units": 2, "activation": "tanh"}}, (3, 4)),
        Example({"layer": {"type": "conv2d", "filters": 2, "kernel": 2}}, (2, 3, 3, 2)),
        Example({"layer": {"type": "sequential", "layers": ["flatten", "batch_norm"]}}, (3, 2, 2)),
        Example({"layer": {"type": "gru", "units": 2}}, (2, 3, 2)),
    )

    @cached_property
    def inner(self) -> tuple[str, Layer]:
        return keyed((self.layer,))[0]

    @property
    def passes_on(self) -> bool:
        return self.layer.passes_on

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return (self.inner,)

    def expand(self) -> Layer:
        return self.replace(layer=expanded((self.layer,))[0])

    def build(self, shape: Shape, decl: Decl) -> Shape:
        if len(shape) < 2:
            raise decl.error(
                f"time_distributed goes over the steps of sequences, (steps, ...), and gets {shape}",
                f"use {self.layer.type} alone",
            )
        masked = decl.plan.masked
        if masked and not _row_wise(self.layer):
            raise decl.error(
                f"a masked sequence reaches '{self.layer.type}', which would count the masked steps too",
                "put a layer that consumes the mask before it, or use layer_norm",
                "layer",
            )
        decl.plan.masked, (key, layer) = False, self.inner
        output = decl.build(key, layer, shape[1:], "layer")
        if decl.plan.masked:
            raise decl.error(
                f"'{self.layer.type}' gives masked sequences, one at every step, and so masks within masks",
                "let its last layer consume the mask, as an lstm does",
                "layer",
            )
        decl.plan.masked = masked
        return (shape[0], *output)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        key, layer = self.inner
        child, (n, t, *rest) = ctx.child(key), x.shape
        child.mask, child.masks, child.need_dx = None, (), ctx.need_dx
        ctx.saved = x.shape
        # f gets all that belongs to a step at once, also where the steps come in pieces.
        pieces, ctx.shared.decoding = ctx.shared.decoding, None
        try:
            y = child.run(layer, p[key], x.reshape(n * t, *rest))
        finally:
            ctx.shared.decoding = pieces
        return y.reshape(n, t, *y.shape[1:])

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        key, layer = self.inner
        n, t, *_ = ctx.saved
        if not (ctx.need_dx or p[key].trainable):
            return None
        dx = layer.backward(p[key], g[key], dy.reshape(n * t, *dy.shape[2:]), ctx.child(key))
        return dx.reshape(ctx.saved) if ctx.need_dx else None

    def final_activation(self) -> Activation | None:
        return self.layer.final_activation()

    def origin(self) -> tuple[tuple[str | int, ...], Layer]:
        place, made = self.layer.origin()
        return ("layer", *place), made


def _row_wise(layer: Layer) -> bool:
    return layer.row_wise and all(_row_wise(child) for _, child in layer.children())
