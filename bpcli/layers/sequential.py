from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers.base import Layer, Shape, expanded, keyed
from bpcli.spec.base import Example, Many
from bpcli.spec.registry import Named


class Sequential(Layer):
    """y = fₖ(… f₂(f₁(x))), the layers one after the other.

    Backward: the chain rule, last layer first.
    Shapes: each layer takes what the one before it gives.
    """

    type: Literal["sequential"] = "sequential"
    layers: Many[Annotated[Layer, Named("layers")]]
    head: Literal["auto", "none"] = "none"

    masks: ClassVar[Literal["keep", "consume", "ignore"]] = "keep"
    examples: ClassVar = (
        Example(
            {"layers": [{"type": "dense", "units": 4, "activation": "tanh"}, {"type": "dense", "units": 2}]},
            (3,),
        ),
        Example({"layers": ["flatten", {"type": "dense", "units": 2}]}, (2, 3)),
    )

    @cached_property
    def steps(self) -> tuple[tuple[str, Layer], ...]:
        return keyed(self.layers)

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return self.steps

    def expand(self) -> Layer:
        return self.replace(layers=expanded(self.layers))

    def build(self, shape: Shape, decl: Decl) -> Shape:
        for index, (key, layer) in enumerate(self.steps):
            if key in dict(self.steps[:index]):
                raise decl.error(
                    f"two layers are named '{key}'", "give each a name of its own", "layers", index
                )
            shape = decl.build(key, layer, shape, "layers", index)
        return shape

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        mask, trained_below = ctx.mask, ctx.need_dx
        for key, layer in self.steps:
            child = ctx.child(key)
            child.mask, child.need_dx = mask, trained_below
            x = layer.forward(p[key], x, child)
            if layer.masks != "keep":
                mask = None
            trained_below = trained_below or p[key].trainable
        return x

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        for key, layer in reversed(self.steps):
            if dy is None:  # nothing below is trained, and nobody asked for the input's gradient
                return None
            dy = layer.backward(p[key], g[key], dy, ctx.child(key))
        return dy

    def final_activation(self) -> Activation | None:
        return self.steps[-1][1].final_activation() if self.steps else None
